"""Stops are asked for, undone and carried out here: the only code that removes people.

A stop is one transaction with its audit row, the ledger's entries, the membership and the case's event. An
erasure goes keystore and vault first, `default` last, so that a crash leaves the request standing.
"""

import logging
from datetime import date, datetime
from typing import Any

from django.db import Error, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment.models import ErasedRow, RecruitmentRecord
from panel.errors import NotAllowed, NotNow, Refusal
from panel.invitations.services import queue_service
from panel.members import permissions
from panel.members import services as members
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.rights import rules, selectors
from panel.rights.models import RequestNote, Stop
from panel.rights.rules import RUNGS, Rung, State
from panel.vault import services as vault
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave

logger = logging.getLogger(__name__)

#: Erasures of one run; the next beat goes on.
LIMIT = 100


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
) -> Stop:
    """Put a stop in force. Asked twice it is the same stop; a new date of a pause replaces the old one."""
    _check_actor(by, member)
    rung, today = Rung(rung), timezone.localdate(now)
    rules.check_request(rung, by_member=by.kind == "member", until=until, typed_word=typed_word, today=today)
    told_on = (told_on or today) if channel == Stop.Channel.TOLD_STAFF else None
    rules.check_told(told_on, joined_on=member.joined_on, today=today)
    member = PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=member.pk)
    case = case if rung == Rung.NO_REMINDERS else None
    if standing := _standing(member, rung, case, until, now):
        return _sooner(by, standing, waive, now)
    if rung not in selectors.rungs_offered(member, case):
        raise NotNow(_("This can no longer be chosen. Load the page again to see what applies now."))
    stop = Stop.objects.create(
        member=member, code=member.code, case=case, rung=rung, channel=Stop.Channel(channel), asked_at=now,
        told_on=told_on, until=until if rung == Rung.PAUSE else None,
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
    _check_actor(by, member)
    if by.kind == "staff" and stop.withdrawn:
        raise NotAllowed(
            _("Only the member can agree again: by the link in their receipt or in any of their letters.")
        )
    if not Stop.objects.filter(pk=stop.pk, state=State.IN_FORCE).update(state=State.UNDONE, ended_at=now):
        raise NotNow(_("This can no longer be undone."))
    stop.state, stop.ended_at = State.UNDONE, now
    ledger.record([_given_again(stop, entry, now) for entry in selectors.last_agreed(stop)])
    _apply(by, member, Rung(stop.rung), now)
    _take_events_back(stop)
    _note(by, stop, "stop.undone", now)


def erase_due(*, now: datetime) -> int:
    """Carry out what is due, one at a time; returns how many.

    One that can't be carried out is tried again at each beat, and all others go on: those that fail don't
    count towards the limit. The log names it by its code.
    """
    due = Stop.objects.filter(state=State.IN_FORCE, due_at__lte=now).order_by("due_at")
    done = 0
    for pk, code in list(due.values_list("pk", "code")):
        if done >= LIMIT:
            break
        try:
            done += _carry_out(pk, now)
        except (Refusal, Error) as error:  # without its text: a database's can hold a row
            logger.error("The stop of %s was not carried out: %s.", code, type(error).__name__)
    return done


# --- asking


def _check_actor(by: Actor, member: PanelMember) -> None:
    if by.kind == "member":
        if by.name != member.code:
            raise NotAllowed(_("A member acts on their own membership only."))
    else:
        permissions.check_acting(by, member.study, Verb.RECORD_STOP)


def _standing(
    member: PanelMember, rung: Rung, case: Case | None, until: date | None, now: datetime
) -> Stop | None:
    """The same stop if it stands already; a pause until another day makes room for the new one."""
    stop = Stop.objects.filter(member=member, rung=rung, case=case, state=State.IN_FORCE).first()
    if stop is not None and rung == Rung.PAUSE and stop.until != until:
        Stop.objects.filter(pk=stop.pk).update(state=State.REPLACED, ended_at=now)
        return None
    return stop


def _sooner(by: Actor, stop: Stop, waive: bool, now: datetime) -> Stop:
    """A deletion asked again, now without the wait."""
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
    return ledger.NewEntry(
        study_key=entry.study_key,
        subject=stop.code,
        purpose=entry.purpose,
        action=ConsentEntry.Action.GIVEN,
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
    if stop.told_on:
        detail["told_on"] = stop.told_on.isoformat()
    audit.record(by=by, verb=verb, now=now, study=stop.member.study.slug, subject=stop.code, detail=detail)


# --- carrying out


@transaction.atomic
def _carry_out(pk: Any, now: datetime) -> int:
    """Contact card and data key first, `default` last; the stop stays as a proof by code, like the ledger.

    The stop is locked before the card is destroyed: an undo that came a moment earlier is seen, a later one
    is refused, and nobody stays a member without a card.
    """
    stop = Stop.objects.select_for_update(of=("self",)).select_related("member__study").get(pk=pk)
    member = stop.member
    if stop.state != State.IN_FORCE or member is None:
        return 0
    vault.destroy_cards([stop.code])
    ended = Stop.objects.filter(member=member, state=State.IN_FORCE)
    if stop.rung != Rung.LEAVE_DELETE:
        ended = ended.filter(pk=pk)
    ended.update(state=State.DONE, ended_at=now)
    by, slug = Actor.system("erasure"), member.study.slug
    if stop.rung == Rung.LEAVE_DELETE:
        _erase(member)
    detail = {"rung": stop.rung}
    audit.record(by=by, verb="stop.carried_out", now=now, study=slug, subject=stop.code, detail=detail)
    return 1


def _erase(member: PanelMember) -> None:
    """Everything held of a member: the row takes cases, answers, evidence, links and letters with it.

    The keyed hash of their row in a recruitment file stays, so that the same file does not bring them back.
    """
    waves.keep_dispositions(cases=list(member.cases.select_related("wave")))
    for record in RecruitmentRecord.objects.filter(member=member):
        ErasedRow.objects.create(study=member.study, fingerprint=record.fingerprint)
        record.delete()
    RequestNote.objects.filter(request__member=member).update(words="")
    member.delete()
