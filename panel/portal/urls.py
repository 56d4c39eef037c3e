"""Respondents' addresses: one letter and a token, which say nothing (NEV-07); public ones in PUBLIC."""

from django.urls import URLPattern, path, register_converter

from panel.invitations.links import PATHS
from panel.invitations.models import Link
from panel.portal import addresses, consents, copies, hours, lost, own, reconsent, stops, survey, views
from panel.portal.guard import OF_MEMBER, TO_OWN, TRAILING

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
PUBLIC = frozenset({"landing", "robots", "again", "new-address"})

urlpatterns: list[URLPattern] = [
    path("", views.landing, name="landing"),
    path("again", lost.again, name="again"),
    path("new-address", lost.moved, name="new-address"),
    path("robots.txt", views.robots, name="robots"),
    path("a/<token:token>", survey.answer, name="answer"),
    path("m/<token:token>", stops.ladder, {"use": Link.Use.STOP}, name="stop"),
    path("o/<token:token>", stops.one_click, name="one-click"),
    path("p/<token:token>", own.own, name="own"),
    path("p/<str:token>/residence", own.where, name="own-residence"),
    path("p/<str:token>/hours", hours.hours, name="own-hours"),
    path("p/<str:token>/address", addresses.change, name="own-address"),
    path("c/<token:token>", addresses.confirm, name="confirm"),
    path("x/<token:token>", addresses.cancel, name="cancel"),
    path("p/<str:token>/copy", copies.ask, name="own-copy"),
    path("d/<token:token>", copies.fetch, name="copy"),
    path("p/<str:token>/consents", consents.receipt, name="own-consents"),
    path("p/<str:token>/consents/new", reconsent.from_own_page, name="own-consents-new"),
    path("k/<token:token>", reconsent.by_letter, name="consent"),
    # From each link of the member's own to the ladder, and to the own page by way of the mailbox.
    *(
        path(f"{PATHS[use]}/<str:token>/stop", stops.ladder, {"use": use}, name=f"{use.value}-stop")
        for use in OF_MEMBER
        if use != Link.Use.STOP
    ),
    *(
        path(f"{PATHS[use]}/<str:token>/own", own.by_mail, {"use": use}, name=f"{use.value}-own")
        for use in TO_OWN
    ),
]
