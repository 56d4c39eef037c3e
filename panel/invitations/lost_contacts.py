"""Lost contact: a member whose address takes no letters, and what is tried to find another (RES-03: nothing more).

A case is about letters alone. Place, status and flags stay as they are; `unreachable` on the member is the bounces'
to set. Not here: taking in a new address (panel/rights/addresses.py), when contact data go (panel/rights/retention.py).
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations.models import LostContact, LostContactStep
from panel.members import permissions
from panel.members import services as members
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb

State = LostContact.State
Outcome = LostContact.Outcome
Kind = LostContactStep.Kind

#: How long somebody looks for another address; then the case says that it is late.
LOOK_FOR = timedelta(days=30)
#: What a keeper notes of having tried; all other steps are noted by what does them.
BY_HAND = (Kind.NO_ANSWER, Kind.SPOKEN)
#: What a keeper closes a case with; the others come by themselves.
CHOICES = (Outcome.WORKS_AGAIN, Outcome.NOT_FOUND, Outcome.LET_BE)
#: Closed so while the address is dead, nobody will look again: then contact data go (LAW-12).
WITHOUT_ADDRESS = (Outcome.NOT_FOUND, Outcome.LET_BE)


@transaction.atomic
def open_case(*, by: Actor, member: PanelMember, now: datetime) -> LostContact:
    """The member's open case, made at first need: two letters came back for good."""
    permissions.check(by, member.study, Verb.HANDLE_LOST)
    PanelMember.objects.select_for_update().get(pk=member.pk)
    if standing := open_case_of(member):
        return standing
    today = timezone.localdate(now)
    case = LostContact.objects.create(member=member, opened_on=today, due_on=today + LOOK_FOR)
    _step(by, case, Kind.OPENED, now)
    _tell(by, case, "lost_contact.opened", now)
    return case


@transaction.atomic
def note_step(*, by: Actor, case: LostContact, kind: Kind | str, now: datetime) -> None:
    """What was tried, by telephone say."""
    case = _locked(by, case)
    if kind not in BY_HAND:
        raise BadInput(_("Say what was tried, in one of the listed words."))
    _note(by, case, Kind(kind), now)


@transaction.atomic
def try_again(*, by: Actor, case: LostContact, now: datetime) -> None:
    """Letters go to the same address again; the case stays open until somebody knows whether they arrive."""
    case = _locked(by, case)
    members.mark_reachable(by=by, member=case.member, now=now)
    _note(by, case, Kind.TRIED_AGAIN, now)


@transaction.atomic
def close(*, by: Actor, case: LostContact, outcome: Outcome | str, reason: str, now: datetime) -> None:
    """Ends the search. Without another address, and while this one is dead, contact data go (LAW-12)."""
    case = _locked(by, case)
    why = words.reason(reason)
    if outcome not in CHOICES:
        raise BadInput(_("Say how it ended, in one of the listed words."))
    if outcome == Outcome.WORKS_AGAIN and case.member.unreachable:
        raise NotNow(_("Letters to this address are still held up. Try the same address again first."))
    _end(by, case, Outcome(outcome), now, reason=why)


# --- by what happens elsewhere; each joins the caller's transaction


def note_address(*, by: Actor, member: PanelMember, kind: Kind, now: datetime) -> None:
    """A step with a new address, where a case is open."""
    if case := open_case_of(member):
        _note(by, case, kind, now)


def address_changed(*, by: Actor, member: PanelMember, now: datetime) -> None:
    """Another address stands in the card: the case is over."""
    if case := open_case_of(member):
        _end(by, case, Outcome.NEW_ADDRESS, now)


@transaction.atomic
def close_of_leavers(*, by: Actor, now: datetime) -> int:
    """Nobody is looked for who left the study, or asked to be deleted; returns how many cases that ends."""
    gone = LostContact.objects.filter(state=State.OPEN).exclude(member__status=PanelMember.Status.ACTIVE)
    cases = list(gone.select_for_update(of=("self",)).select_related("member__study"))
    for case in cases:
        _end(by, case, Outcome.NOT_NEEDED, now)
    return len(cases)


# --- reads


def open_case_of(member: PanelMember) -> LostContact | None:
    """The case that is open for a member."""
    return LostContact.objects.filter(member=member, state=State.OPEN).select_related("member__study").first()


def closed_without_address(study: Study) -> set[str]:
    """Codes of those whose last case ended without another address, and for whom nobody looks any more."""
    searched = LostContact.objects.filter(member__study=study).order_by("opened_on", "closed_on")
    last = {
        code: (state, outcome)
        for code, state, outcome in searched.values_list("member__code", "state", "outcome")
    }
    still = set(searched.filter(state=State.OPEN).values_list("member__code", flat=True))
    return {code for code, (_state, outcome) in last.items() if outcome in WITHOUT_ADDRESS} - still


def pressure(studies: Collection[Study] | QuerySet[Study], *, today: date) -> dict[str, int]:
    """How many cases are open in these studies, those past their day among them. One query."""
    found = LostContact.objects.filter(member__study__in=studies, state=State.OPEN)
    return found.aggregate(lost=Count("pk"), lost_late=Count("pk", filter=Q(due_on__lt=today)))


# --- parts


def _locked(by: Actor, case: LostContact) -> LostContact:
    """The case as it is now, for this transaction alone; refused once it is closed."""
    permissions.check(by, case.member.study, Verb.HANDLE_LOST)
    PanelMember.objects.select_for_update().get(pk=case.member_id)
    mine = LostContact.objects.select_for_update(of=("self",)).select_related("member__study").get(pk=case.pk)
    if mine.state != State.OPEN:
        raise NotNow(_("This case is closed."))
    return mine


def _note(by: Actor, case: LostContact, kind: Kind, now: datetime) -> None:
    _step(by, case, kind, now)
    _tell(by, case, "lost_contact.step_noted", now, step=kind.value)


def _end(by: Actor, case: LostContact, outcome: Outcome, now: datetime, **detail: str) -> None:
    case.state, case.outcome, case.closed_on = State.CLOSED, outcome, timezone.localdate(now)
    case.save(update_fields=["state", "outcome", "closed_on"])
    _step(by, case, Kind.CLOSED, now)
    _tell(by, case, "lost_contact.closed", now, outcome=outcome.value, **detail)


def _step(by: Actor, case: LostContact, kind: Kind, now: datetime) -> None:
    number = case.steps.count() + 1
    LostContactStep.objects.create(
        case=case, number=number, kind=kind, by=by.name, on=timezone.localdate(now)
    )


def _tell(by: Actor, case: LostContact, verb: str, now: datetime, **detail: str) -> None:
    member = case.member
    audit.record(by=by, verb=verb, now=now, study=member.study.slug, subject=member.code, detail=detail)
