"""Respondents' addresses: one letter and a token, which say nothing (NEV-07); public ones in PUBLIC."""

from django.urls import URLPattern, path, register_converter

from panel.portal import stops, survey, views
from panel.portal.guard import TRAILING

app_name = "portal"


class Token:
    """A token as mail programs hand it on: some add a dot or a slash at the end of a line."""

    regex = r"[^/]+/?"

    def to_python(self, value: str) -> str:
        return value.rstrip(TRAILING)

    def to_url(self, value: str) -> str:
        return value


register_converter(Token, "token")

#: Names of the routes that need no link.
PUBLIC = frozenset({"landing", "robots"})

urlpatterns: list[URLPattern] = [
    path("", views.landing, name="landing"),
    path("robots.txt", views.robots, name="robots"),
    path("a/<token:token>", survey.answer, name="answer"),
    path("a/<str:token>/stop", stops.from_survey, name="answer-stop"),
    path("m/<token:token>", stops.ladder, name="stop"),
    path("o/<token:token>", stops.one_click, name="one-click"),
]
