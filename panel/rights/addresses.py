"""Changes of address (LAW-09): asked for, confirmed at the new one, told to the old one, carried out a day later.

Asking, confirming and stopping need neither KEK nor vault: they run where respondents' pages do. A worker
opens the new address and seals it into the card. The page says the same whoever else has the address.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.db import Error, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import addresses as cards
from panel.enrolment import intake, suppression
from panel.enrolment.models import NewAddress
from panel.errors import NotAllowed, NotFound, NotNow, Refusal
from panel.invitations import lost_contacts
from panel.invitations import services as outbox
from panel.invitations.models import LetterKind, Link, LostContactStep
from panel.journal import services as journal
from panel.members import permissions, selectors
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.rights import address_rules as rules
from panel.rights.address_rules import State
from panel.rights.models import AddressChange

logger = logging.getLogger(__name__)

WORKER = Actor.system("intake")
Step = LostContactStep.Kind
STANDING = (State.ASKED, State.CONFIRMED)
ENDED = {
    State.DONE: "address_change.carried_out",
    State.CANCELLED: "address_change.stopped",
    State.REFUSED: "address_change.refused",
}


@transaction.atomic
def ask_change(
    *, by: Actor, member: PanelMember, address: str, now: datetime, reason: str = ""
) -> AddressChange:
    """Asks for another address; a letter there has to be answered first. Of two the later one stands.

    A contact keeper who was told the new address by mail or phone gives a reason, and goes the same way.
    """
    permissions.check_self_or_acting(by, member, Verb.CHANGE_ADDRESS)
    detail = {} if by.kind == "member" else {"reason": words.reason(reason)}
    tidied = rules.usable(address)
    member = _locked(member)
    if by.kind == "member":
        _check_limit(member, now)
    for standing in AddressChange.objects.filter(member=member, state__in=STANDING):
        _end(standing, State.REPLACED, now)
    change = _begin(member, tidied, now, told_staff=by.kind != "member")
    _note(by, change, "address_change.asked", now, **detail)
    if change.told_staff:  # where members' own pages run, no case of lost contact is read
        lost_contacts.note_address(by=by, member=member, kind=Step.ADDRESS_GIVEN, now=now)
    return change


@transaction.atomic
def ask_by_code(*, by: Actor, member: PanelMember, address: str, now: datetime) -> bool:
    """The same for who gave it on the public page with code and name; in a worker. It takes no other's place, and
    waits for a contact keeper too. False where another change stands.
    """
    permissions.check(by, member.study, Verb.CHANGE_ADDRESS)
    tidied, member = rules.usable(address), _locked(member)
    _check_limit(member, now)
    if AddressChange.objects.filter(member=member, state__in=STANDING).exists():
        return False
    change = _begin(member, tidied, now, by_code=True)
    _note(by, change, "address_change.asked", now)
    lost_contacts.note_address(by=by, member=member, kind=Step.ADDRESS_GIVEN, now=now)
    return True


def _begin(member: PanelMember, address: str, now: datetime, **how: bool) -> AddressChange:
    change = AddressChange.objects.create(member=member, asked_at=now, expires=now + rules.LIFE, **how)
    intake.keep_address(pk=change.pk, member=member, address=address)
    for kind in (LetterKind.CONFIRM_ADDRESS, LetterKind.ADDRESS_NOTICE):
        outbox.queue_service(member=member, occasion=change.pk, now=now, kind=kind)
    return change


@transaction.atomic
def confirm_change(*, by: Actor, change: AddressChange, now: datetime) -> None:
    """Confirms at the new address; a worker carries it out. Nobody else can confirm for the member."""
    if by != Actor.member(change.member.code):
        raise NotAllowed(_("Only the member can confirm, by the link sent to the new address."))
    found = AddressChange.objects.filter(pk=change.pk, state=State.ASKED, expires__gt=now)
    if not found.update(state=State.CONFIRMED, confirmed_at=now):
        raise NotNow(_("This change can no longer be confirmed. You can ask for it again."))
    change.state, change.confirmed_at = State.CONFIRMED, now
    _note(by, change, "address_change.confirmed", now)


@transaction.atomic
def cancel_change(*, by: Actor, change: AddressChange, now: datetime) -> None:
    """Stops a change, from either address or at the desk, until it is carried out."""
    permissions.check_self_or_acting(by, change.member, Verb.CHANGE_ADDRESS)
    locked = AddressChange.objects.select_for_update(of=("self",)).select_related("member__study")
    standing = locked.get(pk=change.pk)
    if not can_cancel(standing, now=now):
        raise NotNow(_("This change can no longer be stopped."))
    _end(standing, State.CANCELLED, now)
    change.state, change.ended_at = standing.state, standing.ended_at
    _note(by, standing, "address_change.stopped", now)


def waiting_change(member: PanelMember, *, now: datetime) -> AddressChange | None:
    """The change that a member waits for, if there is one."""
    standing = (
        AddressChange.objects.filter(member=member, state__in=STANDING).select_related("member").first()
    )
    return standing if standing and can_cancel(standing, now=now) else None


def is_settled(member: PanelMember, *, now: datetime) -> bool:
    """Whether what is sent now surely reaches whom it reached for days: no change waits, and none was just made."""
    just_made = Q(state=State.DONE, ended_at__gt=now - rules.SETTLED)
    return not AddressChange.objects.filter(Q(state__in=STANDING) | just_made, member=member).exists()


def change_of(link: Link) -> AddressChange | None:
    """The change that a link of its letters is about."""
    if link.occasion is None:
        return None
    found = AddressChange.objects.filter(pk=link.occasion, member=link.member)
    return found.select_related("member__study").first()


def can_confirm(change: AddressChange, *, now: datetime) -> bool:
    """Whether the link in the new address's letter still confirms."""
    return rules.can_confirm(change.state, change.expires, now=now)


def can_cancel(change: AddressChange, *, now: datetime) -> bool:
    """Whether either letter's link still stops it."""
    return rules.can_cancel(change.state, change.expires, now=now)


# --- in a worker


def turn(*, now: datetime) -> None:
    """What a worker does at each tick: a key for those who ask, what is confirmed, what is over."""
    intake.ensure(today=timezone.localdate(now))
    apply_confirmed(now=now)
    expire(now=now)
    lost_contacts.close_of_leavers(by=WORKER, now=now)
    intake.destroy_spent(by=WORKER, now=now)


def apply_confirmed(*, now: datetime) -> int:
    """Carries out what was confirmed, one at a time; returns how many. One that fails is tried again later."""
    confirmed = AddressChange.objects.filter(state=State.CONFIRMED).order_by("confirmed_at")
    done = 0
    for pk, code in list(confirmed.values_list("pk", "member__code")):
        try:
            done += _carry_out(pk, now)
        except (Refusal, Error) as error:  # without its text: a database's can hold a row
            logger.error("The change of address of %s was not carried out: %s.", code, type(error).__name__)
    return done


def expire(*, now: datetime) -> int:
    """Forgets addresses nobody confirmed in time, or that could not be carried out by then; returns how many."""
    late = AddressChange.objects.filter(
        Q(state=State.ASKED, expires__lte=now)
        | Q(state=State.CONFIRMED, by_code=False, expires__lte=now - rules.TELL_FIRST)
        | Q(state=State.CONFIRMED, by_code=True, expires__lte=now - rules.ACCEPT_WITHIN)
    )
    return sum(_expire(pk, now) for pk in list(late.values_list("pk", flat=True)))


@transaction.atomic
def _expire(pk: UUID, now: datetime) -> int:
    locked = AddressChange.objects.select_for_update(of=("self",)).select_related("member__study")
    change = locked.filter(pk=pk, state__in=STANDING).first()
    if change is None:
        return 0
    _end(change, State.EXPIRED, now)
    _note(WORKER, change, "address_change.expired", now)
    return 1


@transaction.atomic
def _carry_out(pk: UUID, now: datetime) -> int:
    """Study, member, change are locked in this order, as enrolment and stops do. Card first, `default` last."""
    member_id, study_id = AddressChange.objects.values_list("member", "member__study").get(pk=pk)
    Study.objects.select_for_update().get(pk=study_id)  # households of a study are settled by one at a time
    member = PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=member_id)
    change = AddressChange.objects.select_for_update().get(pk=pk)
    change.member = member
    if change.state != State.CONFIRMED or selectors.is_restricted(member) or not _is_due(change, now):
        return 0
    state = _changed(change, now)
    _end(change, state, now)
    _note(WORKER, change, ENDED[state], now)
    if state == State.DONE:
        journal.record(kind=journal.Kind.ADDRESS_CHANGED, study=member.study.slug, code=member.code, now=now)
        lost_contacts.address_changed(by=WORKER, member=member, now=now)
    return int(state == State.DONE)


def _changed(change: AddressChange, now: datetime) -> State:
    """Writes the card; says what became of the change where there is none any more, or the address may not be
    written to.
    """
    member = change.member
    if member.status != PanelMember.Status.ACTIVE:
        return State.CANCELLED
    kept = NewAddress.objects.select_related("member__study").get(pk=change.pk)
    address = intake.open_address(kept, by=WORKER, reason=cards.REASON, now=now)
    if suppression.suppressed(member.study, [address]):
        return State.REFUSED
    try:
        cards.change_address(by=WORKER, member=member, address=address, now=now)
    except NotFound:  # the card went at the date in the letter, or at project end
        return State.CANCELLED
    return State.DONE


def _is_due(change: AddressChange, now: datetime) -> bool:
    """Whether the old address was told and had its time. A notice that still waits is taken back: once the card is
    changed, it would go to the new address. For who left nothing is changed, so nothing is waited for.
    """
    if change.member.status != PanelMember.Status.ACTIVE:
        return True
    if change.by_code and change.accepted_at is None:
        return False
    notice = outbox.service_letter(member=change.member, occasion=change.pk, kind=LetterKind.ADDRESS_NOTICE)
    if change.confirmed_at is None or not rules.may_carry_out(
        confirmed_at=change.confirmed_at, told_staff=change.told_staff, notice=notice, now=now
    ):
        return False
    outbox.cancel_service(occasion=change.pk, kind=LetterKind.ADDRESS_NOTICE)
    return not outbox.is_under_way(member=change.member, occasion=change.pk, kind=LetterKind.ADDRESS_NOTICE)


# --- common


def _locked(member: PanelMember) -> PanelMember:
    """The member as they are now, for this transaction alone, if their address may be changed."""
    member = PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=member.pk)
    _check_member(member)
    return member


def _check_member(member: PanelMember) -> None:
    if member.status != PanelMember.Status.ACTIVE:
        raise NotNow(_("Who left the study gets no more letters, so no new address can be given."))
    if selectors.is_restricted(member):
        raise NotNow(_("Nothing is changed while your data are frozen at your request. Please write to us."))


def _check_limit(member: PanelMember, now: datetime) -> None:
    recent = AddressChange.objects.filter(member=member, told_staff=False, asked_at__gt=now - rules.WITHIN)
    if recent.count() >= rules.MOST:
        raise NotNow(
            _("You asked for a new address several times this week. Please wait a few days, or write to us.")
        )


def _end(change: AddressChange, state: State, now: datetime) -> None:
    """The address that waited is forgotten with it, and a letter to it that waits is not sent."""
    assert state in rules.TRANSITIONS[State(change.state)], (change.state, state)
    change.state, change.ended_at = state, now
    change.save(update_fields=["state", "ended_at"])
    intake.forget_addresses([change.pk])
    outbox.cancel_service(occasion=change.pk, kind=LetterKind.CONFIRM_ADDRESS)


def _note(by: Actor, change: AddressChange, verb: str, now: datetime, **detail: str) -> None:
    member = change.member
    audit.record(
        by=by, verb=verb, now=now, study=member.study.slug, subject=member.code,
        detail={"change": str(change.pk), **detail},
    )  # fmt: skip
