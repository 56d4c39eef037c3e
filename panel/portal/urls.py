"""Respondents' addresses: one letter and a token, which say nothing (NEV-07); public ones in PUBLIC."""

from django.urls import URLPattern, path

from panel.portal import stops, survey, views

app_name = "portal"

#: Names of the routes that need no link.
PUBLIC = frozenset({"landing", "robots"})

urlpatterns: list[URLPattern] = [
    path("", views.landing, name="landing"),
    path("robots.txt", views.robots, name="robots"),
    path("a/<str:token>", survey.answer, name="answer"),
    path("a/<str:token>/stop", stops.from_survey, name="answer-stop"),
    path("m/<str:token>", stops.ladder, name="stop"),
    path("o/<str:token>", stops.one_click, name="one-click"),
]
