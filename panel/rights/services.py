"""Stops are asked for and taken back here; what is due is carried out in erasure.py.

A stop is one transaction with its audit row, its journal entry, the ledger's entries, the membership and the
case's event. Who acts on a stop locks the member first, then the stop, so that no two wait for each other.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment.models import RecruitmentRecord
from panel.errors import NotAllowed, NotNow
from panel.invitations.services import queue_service
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.members import permissions
from panel.members import services as members
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.rights import rules, selectors
from panel.rights.models import Stop
from panel.rights.rules import RUNGS, Rung, State
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave

#: What of a stop must outlive a restored backup (CRY-11), by what the audit calls it.
JOURNALED = {
    "stop.asked": journal.Kind.STOP_ASKED,
    "stop.wait_waived": journal.Kind.STOP_WAIVED,
    "stop.undone": journal.Kind.STOP_UNDONE,
}


@transaction.atomic
def ask_stop(
    *,
    by: Actor,
    member: PanelMember,
    rung: Rung | str,
    channel: Stop.Channel | str,
    now: datetime,
    case: Case | None = None,
    until: date | None = None,
    typed_word: str | None = None,
    waive: bool = False,
    told_on: date | None = None,
    never_again: bool = False,
) -> Stop:
    """Put a stop in force. Asked twice it is the same stop; a new date of a pause replaces the old one.

    `never_again` goes with leaving: when the card is destroyed its address is never contacted again (LAW-13).
    """
    permissions.check_self_or_acting(by, member, Verb.RECORD_STOP)
    rung, today = Rung(rung), timezone.localdate(now)
    rules.check_request(rung, by_member=by.kind == "member", until=until, typed_word=typed_word, today=today)
    told_on = (told_on or today) if channel == Stop.Channel.TOLD_STAFF else None
    rules.check_told(told_on, joined_on=member.joined_on, today=today)
    member = _locked(member.pk)
    case = case if rung == Rung.NO_REMINDERS else None
    if standing := _standing(member, rung, case, until, now):
        return _sooner(by, standing, waive, never_again, now)
    if rung not in selectors.rungs_offered(member, case):
        raise NotNow(_("This can no longer be chosen. Load the page again to see what applies now."))
    stop = Stop.objects.create(
        member=member, code=member.code, case=case, rung=rung, channel=Stop.Channel(channel), asked_at=now,
        told_on=told_on, never_again=never_again and rung in rules.LEAVING,
        until=until if rung == Rung.PAUSE else None,
        due_at=rules.due_at(rung, waive=waive, now=now),
        withdrawn=_withdraw(member, rung, str(channel), told_on or today),
    )  # fmt: skip
    _apply(by, member, rung, now)
    _leave_events(stop)
    _note(by, stop, "stop.asked", now)
    if rules.sends_receipt(rung, channel):
        queue_service(member=member, occasion=stop.pk, now=now)
    return stop


@transaction.atomic
def undo_stop(*, by: Actor, stop: Stop, now: datetime) -> None:
    """Take a stop back. Undoing a leave agrees again to the exact words that the page shows (LAW-02)."""
    member = stop.member
    if member is None or not rules.can_undo(stop.state, stop.due_at, now=now):
        raise NotNow(_("This can no longer be undone."))
    permissions.check_self_or_acting(by, member, Verb.RECORD_STOP)
    if not journal_state.in_step(now=now):  # what the journal still has to say must not undo it again
        raise NotNow(_("This can’t be undone today. Please try again tomorrow."))
    if by.kind == "staff" and stop.withdrawn:
        raise NotAllowed(
            _("Only the member can agree again: by the link in their receipt or in any of their letters.")
        )
    if not take_back(by=by, stop=stop, now=now):
        raise NotNow(_("This can no longer be undone."))
    _note(by, stop, "stop.undone", now)


def take_back(*, by: Actor, stop: Stop, now: datetime) -> bool:
    """The undoing itself, in the caller's transaction; False where somebody was quicker."""
    member = _locked(stop.member_id)
    if not Stop.objects.filter(pk=stop.pk, state=State.IN_FORCE).update(state=State.UNDONE, ended_at=now):
        return False
    stop.state, stop.ended_at = State.UNDONE, now
    ledger.record([_given_again(stop, entry, now) for entry in selectors.last_agreed(stop)])
    _apply(by, member, Rung(stop.rung), now)
    _take_events_back(stop)
    return True


def put_in_force(*, by: Actor, stop: Stop, now: datetime) -> Stop:
    """A stop that the journal tells of, in the caller's transaction: as it was asked, without word or letter.

    Where the member asked for the same again meanwhile, that one stands, with the sooner end of its wait.
    """
    member = _locked(stop.member_id)
    rung = Rung(stop.rung)
    if standing := _standing(member, rung, stop.case, stop.until, now):
        if stop.due_at and standing.due_at and stop.due_at < standing.due_at:
            standing.due_at = stop.due_at
            standing.save(update_fields=["due_at"])
        return standing
    held = _withdraw(member, rung, stop.channel, timezone.localdate(stop.asked_at))
    stop.withdrawn = sorted({*stop.withdrawn, *held})
    stop.save(force_insert=True)
    _apply(by, member, rung, now)
    _leave_events(stop)
    return stop


def retold(stop: Stop) -> dict[str, Any]:
    """A stop as the journal keeps it: all that is needed to put it in force again."""
    return {
        "stop": str(stop.pk),
        "rung": stop.rung,
        "channel": stop.channel,
        "asked_at": stop.asked_at.isoformat(),
        "told_on": stop.told_on.isoformat() if stop.told_on else None,
        "until": stop.until.isoformat() if stop.until else None,
        "due_at": stop.due_at.isoformat() if stop.due_at else None,
        "withdrawn": list(stop.withdrawn),
        "wave": stop.case.wave.name if stop.case else None,
        "never_again": stop.never_again,
    }


# --- asking


def _locked(pk: UUID | None) -> PanelMember:
    """The member as it is now, held to the end of the transaction; refused where it was just erased."""
    found = PanelMember.objects.select_for_update(of=("self",)).select_related("study")
    member = found.filter(pk=pk).first() if pk else None
    if member is None:
        raise NotNow(_("This can no longer be chosen. Load the page again to see what applies now."))
    return member


def _standing(
    member: PanelMember, rung: Rung, case: Case | None, until: date | None, now: datetime
) -> Stop | None:
    """The same stop if it stands already; a pause until another day makes room for the new one."""
    stop = Stop.objects.filter(member=member, rung=rung, case=case, state=State.IN_FORCE).first()
    if stop is not None and rung == Rung.PAUSE and stop.until != until:
        Stop.objects.filter(pk=stop.pk).update(state=State.REPLACED, ended_at=now)
        return None
    return stop


def _sooner(by: Actor, stop: Stop, waive: bool, never_again: bool, now: datetime) -> Stop:
    """A stop asked again: leaving now also for ever, a deletion now without the wait."""
    if never_again and stop.rung in rules.LEAVING and not stop.never_again:
        stop.never_again = True
        stop.save(update_fields=["never_again"])
        _note(by, stop, "stop.asked", now)
    if waive and stop.rung == Rung.LEAVE_DELETE and stop.due_at and stop.due_at > now:
        stop.due_at = now
        stop.save(update_fields=["due_at"])
        _note(by, stop, "stop.wait_waived", now)
    return stop


def _withdraw(member: PanelMember, rung: Rung, channel: str, today: date) -> list[str]:
    """Withdraw what the rung withdraws and the member had agreed to; says which purposes those were."""
    key = member.study.key
    held = [
        purpose
        for purpose in RUNGS[rung].withdraws
        if member.code in consents.holding(study_key=key, subjects={member.code}, purpose=purpose)
    ]
    if held:
        ledger.withdraw(study_key=key, subject=member.code, purposes=held, channel=channel, day=today)
    return [str(purpose) for purpose in held]


def _apply(by: Actor, member: PanelMember, rung: Rung, now: datetime) -> None:
    """Leave with the member what lower steps must know: derived from all stops that stand."""
    stops = list(Stop.objects.filter(member=member, state=State.IN_FORCE))
    stops += Stop.objects.filter(member=member, rung=Rung.LEAVE_KEEP, state=State.DONE)
    if rung == Rung.PAUSE:
        until = max((stop.until for stop in stops if stop.until), default=None)
        members.set_mail(by=by, member=member, paused_until=until, now=now)
    elif rung == Rung.NO_MAIL:
        stopped = any(stop.rung == Rung.NO_MAIL for stop in stops)
        members.set_mail(by=by, member=member, stopped=stopped, now=now)
    elif RUNGS[rung].status:
        status = rules.standing_status({stop.rung for stop in stops})
        if status != member.status:
            members.set_status(by=by, member=member, status=status, now=now)


def _event_of(rung: Rung) -> CaseEvent.Kind | None:
    if rung == Rung.NO_REMINDERS:
        return CaseEvent.Kind.REFUSED
    return CaseEvent.Kind.WITHDREW if RUNGS[rung].status else None


def _leave_events(stop: Stop) -> None:
    """Tell the wave of this case, or all waves that are not closed where the member leaves."""
    kind = _event_of(Rung(stop.rung))
    if kind is None:
        return
    running = Case.objects.filter(member=stop.member).exclude(wave__status=Wave.Status.CLOSED)
    cases = [stop.case] if stop.case else list(running)
    waves.record_events(cases=cases, kind=kind, at=stop.asked_at)


def _take_events_back(stop: Stop) -> None:
    kind = _event_of(Rung(stop.rung))
    if kind is not None:
        cases = [stop.case] if stop.case else list(Case.objects.filter(member=stop.member))
        waves.retract_events(cases=cases, kind=kind, at=stop.asked_at)


def _given_again(stop: Stop, entry: ConsentEntry, now: datetime) -> ledger.NewEntry:
    """The same yes anew; who was only informed is so again, for they never agreed."""
    informed = entry.action == ConsentEntry.Action.INFORMED
    return ledger.NewEntry(
        study_key=entry.study_key,
        subject=stop.code,
        purpose=entry.purpose,
        action=ConsentEntry.Action.INFORMED if informed else ConsentEntry.Action.GIVEN,
        form_version=entry.form_version,
        text_sha256=entry.text_sha256,
        language=entry.language,
        channel=stop.Channel.STOP_PAGE,
        day=timezone.localdate(now),
    )


def _note(by: Actor, stop: Stop, verb: str, now: datetime) -> None:
    assert stop.member is not None
    detail: dict[str, Any] = {"rung": stop.rung, "channel": stop.channel}
    if stop.case:
        detail["wave"] = stop.case.wave.name
    if stop.never_again:
        detail["never_again"] = True
    if stop.told_on:
        detail["told_on"] = stop.told_on.isoformat()
    slug = stop.member.study.slug
    audit.record(by=by, verb=verb, now=now, study=slug, subject=stop.code, detail=detail)
    journal.record(kind=JOURNALED[verb], study=slug, code=stop.code, payload=retold(stop), now=now)
    if stop.rung in rules.LEAVING and verb != "stop.wait_waived":
        _note_row(stop.member, now)


def _note_row(member: PanelMember, now: datetime) -> None:
    """Their row's keyed hash, without the code: after a lost backup the file is enrolled again under new codes."""
    stops = Stop.objects.filter(member=member, rung__in=rules.LEAVING, state__in=(State.IN_FORCE, State.DONE))
    left, slug = stops.exists(), member.study.slug
    for mark in RecruitmentRecord.objects.filter(member=member).values_list("fingerprint", flat=True):
        payload = {"row": bytes(mark).hex(), "left": left}
        journal.record(kind=journal.Kind.ROW_LEFT, study=slug, payload=payload, now=now)
