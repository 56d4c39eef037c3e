"""Lost contacts, by code: whose address is dead, what was tried, and how it ended. No address, no status, no place."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import Choice, DeskForm, LongText, ReasonForm
from panel.desk.words import day, label
from panel.errors import NotNow
from panel.invitations import lost_contacts
from panel.invitations.models import LostContact
from panel.members.models import Study
from panel.members.rules import Verb, tidy_code
from panel.rights import addresses, reaching
from panel.rights.models import AddressChange

State = LostContact.State
Kind = lost_contacts.Kind


class TriedForm(DeskForm):
    """What was tried; not a word on it is kept."""

    kind = Choice(
        label=_("What was tried"),
        choices=[("", _("Choose …")), *((kind.value, kind.label) for kind in lost_contacts.BY_HAND)],
    )


class CloseForm(ReasonForm):
    """How it ended, and why."""

    outcome = Choice(
        label=_("How it ended"),
        choices=[("", _("Choose …")), *((one.value, one.label) for one in lost_contacts.CHOICES)],
    )
    field_order = ("outcome", "reason")


class AcceptForm(ReasonForm):
    """How somebody made sure of it."""

    reason = LongText(
        first=True,
        label=_("How you made sure that it is the member"),
        help_text=_("As: called the number on the card. Write no name and no address."),
    )


def _tried(*, by: Actor, obj: LostContact, now: datetime, kind: str) -> Words:
    lost_contacts.note_step(by=by, case=obj, kind=kind, now=now)
    return _("Noted.")


def _again(*, by: Actor, obj: LostContact, now: datetime) -> Words:
    lost_contacts.try_again(by=by, case=obj, now=now)
    return _("Letters go to this address again. If two more come back, they stop.")


def _close(*, by: Actor, obj: LostContact, now: datetime, outcome: str, reason: str) -> Words:
    reaching.close_lost(by=by, case=obj, outcome=outcome, reason=reason, now=now)
    return _("Closed.")


def _accept(*, by: Actor, obj: LostContact, now: datetime, reason: str) -> Words:
    reaching.accept_address(by=by, change=_waiting(obj, now), reason=reason, now=now)
    return _("Accepted. Letters go to the new address in a little while.")


def _refuse(*, by: Actor, obj: LostContact, now: datetime) -> Words:
    addresses.cancel_change(by=by, change=_waiting(obj, now), now=now)
    return _("Stopped. The new address is forgotten.")


def _waiting(case: LostContact, now: datetime) -> AddressChange:
    change = addresses.waiting_change(case.member, now=now)
    if change is None:
        raise NotNow(_("No new address waits any more."))
    return change


def is_open(case: LostContact) -> bool:
    """Somebody still looks."""
    return case.state == State.OPEN


def to_accept(case: LostContact) -> bool:
    """An address given by code was confirmed there, and waits for a contact keeper."""
    return reaching.to_accept([case.member.study]).filter(member=case.member_id).exists()


class LateFilter(SimpleListFilter):
    """Those past their day, and those where a new address waits to be accepted."""

    title = _("presses")
    parameter_name = "presses"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("late", _("past its day")), ("accept", _("a new address to accept"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LostContact]) -> QuerySet[LostContact]:
        if (wanted := self.value()) is None:
            return queryset
        found = queryset.filter(state=State.OPEN)
        if wanted == "late":
            return found.filter(due_on__lt=timezone.localdate(clock.now()))
        if wanted == "accept":
            studies = Study.objects.filter(pk__in=queryset.order_by().values("member__study"))
            return found.filter(member__in=reaching.to_accept(studies).values("member"))
        return found


class LostAdmin(DeskAdmin[LostContact]):
    """Open ones first, by their day."""

    path_prefix = "lost"
    heading = _("Lost contacts")
    see = (Verb.SEE_LOST,)
    study_path = "member__study"
    detail_template = "desk/lost_contact.html"
    sentence = _(
        "Two letters to the address came back for good. It says nothing of where somebody lives: their place in the "
        "study and in its samples stays as it is."
    )
    empty = _("No lost contact. A case opens when two letters to an address came back for good.")
    shown_outcome = column("outcome", _("outcome"))
    list_display = ("shown_code", "shown_state", "shown_opened", "shown_due", "shown_outcome")
    list_display_links = ("shown_code",)
    list_filter = (LateFilter, "outcome")
    list_select_related = ("member__study",)
    search_fields = ("member__code",)
    search_help_text = _("A member code or its beginning")
    ordering = ("-state", "due_on", "member__code")  # "open" is the last in the alphabet
    steps = (
        Step[LostContact](
            "accept", Verb.CHANGE_ADDRESS, _("Accept the new address"),
            _("It was given on the public page with the member’s code and name, and confirmed there. Whoever knows "
              "both could do that: make sure in another way, by the number on the card say."),
            _accept, lambda case: is_open(case) and to_accept(case), AcceptForm,
        ),
        Step[LostContact](
            "refuse", Verb.CHANGE_ADDRESS, _("Stop this change"),
            _("The new address is forgotten, and nothing changes."),
            _refuse, lambda case: is_open(case) and to_accept(case), danger=True,
        ),
        Step[LostContact](
            "tried", Verb.HANDLE_LOST, _("Note what was tried"),
            _("Noted with the day and your name. What was said is not written down."),
            _tried, is_open, TriedForm,
        ),
        Step[LostContact](
            "try-address", Verb.HANDLE_LOST, _("Try the same address again"),
            _("Where the fault may be over: a full mailbox, a server that was away. What waits goes at once."),
            _again, lambda case: is_open(case) and case.member.unreachable,
        ),
        Step[LostContact](
            "close", Verb.HANDLE_LOST, _("Close the case"),
            _("Without another address, and while letters to this one stop, the contact data are deleted at the next "
              "retention. Closed with a new address it is by itself, once that is confirmed."),
            _close, is_open, CloseForm,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[LostContact]:
        return super().get_queryset(request).select_related("member__study")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LostContact], search_term: str
    ) -> tuple[QuerySet[LostContact], bool]:
        return queryset.filter(member__code__startswith=tidy_code(search_term)), False

    @display(description=_("member"), ordering="member__code")
    def shown_code(self, case: LostContact) -> str:
        return case.member.code

    @display(description=_("state"), ordering="state")
    def shown_state(self, case: LostContact) -> str:
        return label(case.get_state_display(), colour_of(case))

    @display(description=_("since"), ordering="opened_on")
    def shown_opened(self, case: LostContact) -> str:
        return day(case.opened_on)

    @display(description=_("look until"), ordering="due_on")
    def shown_due(self, case: LostContact) -> str:
        return day(case.due_on)

    def detail(self, request: HttpRequest, obj: LostContact, may: frozenset[Verb]) -> dict[str, Any]:
        opened = is_open(obj)
        return {
            "colour": colour_of(obj),
            "late": is_late(obj),
            "accept": opened and to_accept(obj),
            "held_up": opened and obj.member.unreachable,
            "history": obj.steps.order_by("number"),
            "address_url": _to("address", obj) if opened and Verb.CHANGE_ADDRESS in may else "",
            "card_url": _to("card", obj) if opened and Verb.OPEN_CARD in may else "",
        }


def _to(page: str, case: LostContact) -> str:
    return f"{reverse(f'desk:{page}')}?code={case.member.code}"


def is_late(case: LostContact) -> bool:
    """Past its day and still open."""
    return is_open(case) and case.due_on < timezone.localdate(clock.now())


def colour_of(case: LostContact) -> str:
    """How it presses."""
    if not is_open(case):
        return ""
    return "danger" if is_late(case) else "warning"
