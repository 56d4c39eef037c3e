"""What members wrote, by code: who is to be answered by when, what was done. The mails are in the study's inbox."""

from datetime import date, datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, nudge
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import Choice, DeskForm, LongText, ReasonForm, Text
from panel.desk.told import RungForm, outside_words
from panel.desk.words import day, label
from panel.invitations import replies
from panel.invitations.models import ReplyCase
from panel.members.rules import Verb, tidy_code
from panel.rights import reaching
from panel.rights.models import Request
from panel.rights.rules import LEAVING

State = ReplyCase.State
Outcome = ReplyCase.Outcome


class NewAddressForm(ReasonForm):
    """The address they gave, and how."""

    address = Text(label=_("New address"), max_length=254)
    field_order = ("address", "reason")


class AskedForm(DeskForm):
    """What of their rights they ask for."""

    kind = Choice(label=_("What it is about"), choices=[("", _("Choose …")), *Request.Kind.choices])
    asked = LongText(
        label=_("In short"), required=False, help_text=_("What it is about. Write no name and no address.")
    )


def _answered(*, by: Actor, obj: ReplyCase, now: datetime) -> Words:
    replies.close(by=by, case=obj, outcome=Outcome.ANSWERED, now=now)
    return _("Closed as answered.")


def _nothing(*, by: Actor, obj: ReplyCase, now: datetime, reason: str) -> Words:
    replies.close(by=by, case=obj, outcome=Outcome.NOTHING, reason=reason, now=now)
    return _("Closed.")


def _link(*, by: Actor, obj: ReplyCase, now: datetime) -> Words:
    reaching.link_for_reply(by=by, case=obj, now=now)
    nudge.send_soon()
    return _("The links are on their way; the case is closed.")


def _stop(*, by: Actor, obj: ReplyCase, now: datetime, rung: str, **given: Any) -> Words:
    code = obj.member.code
    reaching.stop_for_reply(by=by, case=obj, rung=rung, now=now, **given)
    return outside_words(code) if rung in LEAVING else _("Recorded. The member gets a receipt.")


def _address(*, by: Actor, obj: ReplyCase, now: datetime, address: str, reason: str) -> Words:
    reaching.address_for_reply(by=by, case=obj, address=address, reason=reason, now=now)
    return _("A letter asks the new address to confirm, and the old one is told.")


def _request(*, by: Actor, obj: ReplyCase, now: datetime, kind: str, asked: str) -> Words:
    made = reaching.request_for_reply(by=by, case=obj, kind=kind, asked=asked, now=now)
    said = _("Recorded. The project leader answers by %(day)s; the member gets a receipt.")
    return said % {"day": f"{made.due_on:%d.%m.%Y}"}


def is_open(case: ReplyCase) -> bool:
    """Somebody still has to see to it."""
    return case.state == State.OPEN


def is_late(case: ReplyCase) -> bool:
    """Past its day."""
    return is_open(case) and case.due_on < timezone.localdate(clock.now())


def _told_on(case: ReplyCase) -> dict[str, date]:
    return {"told_on": case.received_on}


class LateFilter(SimpleListFilter):
    """Open ones, and those past their day."""

    title = _("deadline")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("late", _("overdue"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ReplyCase]) -> QuerySet[ReplyCase]:
        if (wanted := self.value()) is None:
            return queryset
        found = queryset.filter(state=State.OPEN)
        return found.filter(due_on__lt=timezone.localdate(clock.now())) if wanted == "late" else found


class ReplyAdmin(DeskAdmin[ReplyCase]):
    """Open ones first, by deadline."""

    path_prefix = "replies"
    heading = _("Replies")
    see = (Verb.HANDLE_REPLY,)
    study_path = "member__study"
    detail_template = "desk/reply.html"
    sentence = _(
        "A member wrote. The mail is in the study’s inbox, unread by this service; here it is seen to that somebody "
        "answers within a week. Whoever asks to be deleted or to get no more letters has withdrawn: record the stop."
    )
    empty = _("No reply waits. A mail that reaches this service opens one; for others, record it.")
    shown_outcome = column("outcome", _("outcome"))
    list_display = ("shown_code", "shown_state", "shown_received", "shown_due", "shown_outcome")
    list_display_links = ("shown_code",)
    list_filter = (LateFilter, "outcome")
    list_select_related = ("member__study",)
    search_fields = ("member__code",)
    search_help_text = _("A member code or its beginning")
    ordering = ("-state", "due_on", "member__code")  # "open" is the last in the alphabet
    steps = (
        Step[ReplyCase](
            "answered", Verb.HANDLE_REPLY, _("Answered"),
            _("You wrote back from the study’s inbox, and nothing else is to be done."), _answered, is_open,
        ),
        Step[ReplyCase](
            "stop", Verb.RECORD_STOP, _("Record the stop"),
            _("The rung that the member chose, from the day it was told. They get a receipt; nobody is asked why."),
            _stop, is_open, RungForm, initial=_told_on,
        ),
        Step[ReplyCase](
            "link", Verb.HANDLE_REPLY, _("Send the link again"),
            _("To the address we have, at once: the own page, and the questions that are open."), _link, is_open,
        ),
        Step[ReplyCase](
            "address", Verb.CHANGE_ADDRESS, _("Change the address"),
            _("Nothing changes before it is confirmed at the new address; the old one is told."),
            _address, is_open, NewAddressForm,
        ),
        Step[ReplyCase](
            "to-request", Verb.RECORD_STOP, _("Record a request"),
            _("About their rights. The project leader answers, within 30 days of the day it came."),
            _request, is_open, AskedForm,
        ),
        Step[ReplyCase](
            "nothing", Verb.HANDLE_REPLY, _("Nothing to do"),
            _("An automatic answer, say, or thanks."), _nothing, is_open, ReasonForm,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplyCase]:
        return super().get_queryset(request).select_related("member__study")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReplyCase], search_term: str
    ) -> tuple[QuerySet[ReplyCase], bool]:
        return queryset.filter(member__code__startswith=tidy_code(search_term)), False

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.HANDLE_REPLY not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Record a mail"), "url": reverse("desk:reply")}]

    @display(description=_("member"), ordering="member__code")
    def shown_code(self, case: ReplyCase) -> str:
        return case.member.code

    @display(description=_("state"), ordering="state")
    def shown_state(self, case: ReplyCase) -> str:
        return label(case.get_state_display(), colour_of(case))

    @display(description=_("received"), ordering="received_on")
    def shown_received(self, case: ReplyCase) -> str:
        return day(case.received_on)

    @display(description=_("answer by"), ordering="due_on")
    def shown_due(self, case: ReplyCase) -> str:
        return day(case.due_on)

    def detail(self, request: HttpRequest, obj: ReplyCase, may: frozenset[Verb]) -> dict[str, Any]:
        return {"colour": colour_of(obj), "late": is_late(obj)}


def colour_of(case: ReplyCase) -> str:
    """How it presses."""
    if not is_open(case):
        return ""
    return "danger" if is_late(case) else "warning"
