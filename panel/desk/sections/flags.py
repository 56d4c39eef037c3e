"""Flags to review, by code: what was told, the history, and confirm or dismiss with a reason."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import ReasonForm
from panel.desk.words import colour, day, label
from panel.members.rules import Verb
from panel.residency import rules, services
from panel.residency.models import Flag

State = Flag.State


def _confirm(*, by: Actor, obj: Flag, now: datetime, reason: str) -> Words:
    services.review_flag(by=by, flag=obj, state=State.CONFIRMED, reason=reason, now=now)
    return _("Confirmed. The member stays in the samples; letters say nothing of it.")


def _dismiss(*, by: Actor, obj: Flag, now: datetime, reason: str) -> Words:
    services.review_flag(by=by, flag=obj, state=State.DISMISSED, reason=reason, now=now)
    return _("Dismissed. What was told stays as evidence, but makes no spell.")


class FlagAdmin(DeskAdmin[Flag]):
    """Open ones first. The kind of a flag and the place are on its page only."""

    path_prefix = "flags"
    heading = _("Flags to review")
    see = (Verb.SEE_FLAGS,)
    study_path = "member__study"
    detail_template = "desk/flag.html"
    sentence = _("A flag asks you to look; it stops no letter and takes nobody out of a sample.")
    empty = _("Nothing to review. Flags come from answers about where a member lives.")
    shown_kind = column("kind", _("kind"))
    list_display = ("member_code", "shown_kind", "shown_state", "shown_day")
    list_display_links = ("member_code",)
    list_filter = ("state",)
    list_select_related = ("member", "evidence")
    search_fields = ("member__code",)
    search_help_text = _("A member code or its beginning")
    ordering = ("-state", "raised_on", "member__code")  # "open" is the last of the three in the alphabet
    steps = (
        Step[Flag](
            "confirm",
            Verb.REVIEW_FLAG,
            _("Confirm"),
            _("What the member told is taken as it was told."),
            _confirm,
            lambda flag: State.CONFIRMED in rules.TRANSITIONS[flag.state],
            ReasonForm,
        ),
        Step[Flag](
            "dismiss",
            Verb.REVIEW_FLAG,
            _("Dismiss"),
            _("What the member told is a mistake, for example a slip of the finger. It makes no spell."),
            _dismiss,
            lambda flag: State.DISMISSED in rules.TRANSITIONS[flag.state],
            ReasonForm,
            danger=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flag]:
        return super().get_queryset(request).select_related("member__study", "evidence__case__wave")

    @display(description=_("member"), ordering="member__code")
    def member_code(self, flag: Flag) -> str:
        return flag.member.code

    @display(description=_("raised"), ordering="raised_on")
    def shown_day(self, flag: Flag) -> str:
        return day(flag.raised_on)

    @display(description=_("state"), ordering="state")
    def shown_state(self, flag: Flag) -> str:
        return label(flag.get_state_display(), colour(flag))

    def detail(self, request: HttpRequest, obj: Flag, may: frozenset[Verb]) -> dict[str, Any]:
        waiting = self.get_queryset(request).filter(state=State.OPEN).exclude(pk=obj.pk)
        following = waiting.order_by("raised_on", "member__code").first()
        return {
            "reviews": obj.reviews.order_by("-at"),
            "told": obj.member.evidence.order_by("-number").select_related("case__wave"),
            "spells": obj.member.spells.order_by("from_month"),
            "next_url": self.url("change", following.pk) if following else "",
            "left_to_review": waiting.count(),
        }
