"""The outbox's writes: queue what is due, claim it, sweep what a crash left, decide on the doubtful.

Each works in sets and may run twice or at once: a unique constraint and compare-and-set updates decide, the
same way on SQLite and PostgreSQL. Not here: checking and sending a chunk (sending.py), the letters' words
(letters.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from consent import selectors as consent
from consent.models import Purpose
from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations import readiness, rules, sending
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.journal import selectors as journal
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.sets import batched
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave

CLOCK = Actor.system("clock")
BATCH = 1000


@dataclass(frozen=True)
class Claimed:
    """A chunk of rows that one worker may send. Service mail is not held up by a wave's letters."""

    claim: UUID
    service_mail: bool


def queue_due(*, now: datetime) -> int:
    """Puts each letter that is due into the outbox, once. Returns how many rows are new."""
    new = 0
    for wave in Wave.objects.filter(status=Wave.Status.OPEN, closes_at__gt=now).select_related("study"):
        new += _queue(wave, _uninvited(wave), LetterKind.INVITATION, 1, now)
        _revive(wave, now)
        _wake(wave, now)
        for ordinal, days in enumerate(wave.reminder_days, start=1):
            new += _queue(wave, _to_remind(wave, ordinal, days, now), LetterKind.REMINDER, ordinal, now)
    _cancel_closed(now)
    return new


def dispatch(*, now: datetime) -> list[Claimed]:
    """Claims what is due, in chunks; the caller hands each claim to a worker. Receipts come first.

    Nothing at all on a restored database until its journal is replayed (CRY-11), or by a clock set back.
    """
    if not journal.in_step(now=now):
        return []
    ready = Outgoing.objects.exclude(member__study__in=_held_up(now))
    service, survey = ready.filter(case=None), ready.exclude(case=None)
    receipts = list(_claim(service, now, rules.CLAIMED_MAX))  # never starved by a wave's letters
    room = rules.CLAIMED_MAX - survey.filter(state=State.CLAIMED).count()
    letters = list(_claim(survey, now, room))
    return [Claimed(claim, True) for claim in receipts] + [Claimed(claim, False) for claim in letters]


def sweep_leases(*, now: datetime) -> int:
    """After a crash: what was claimed waits again; what was being sent is doubtful, and counted."""
    Outgoing.objects.filter(state=State.CLAIMED, lease_until__lt=now).update(
        state=State.QUEUED, claim=None, lease_until=None
    )
    with transaction.atomic():
        # The claim stays: a worker that was only slow may still say that it sent the letter.
        doubtful = Outgoing.objects.filter(state=State.SENDING, lease_until__lt=now).update(
            state=State.UNCONFIRMED, reason=Reason.LEASE_LOST, lease_until=None
        )
        if doubtful:
            audit.record(by=CLOCK, verb="letters.unconfirmed", now=now, detail={"letters": doubtful})
    return doubtful


@transaction.atomic
def decide_unconfirmed(*, by: Actor, row: Outgoing, send_again: bool, reason: str, now: datetime) -> None:
    """A person decides on a doubtful letter: send it again, or take it as sent, a contact made."""
    study = row.member.study
    permissions.check(by, study, Verb.DECIDE_UNCONFIRMED)
    why = words.reason(reason)
    doubtful = Outgoing.objects.filter(pk=row.pk, state=State.UNCONFIRMED)
    if send_again:
        changed = doubtful.update(state=State.QUEUED, reason="", due_at=now, claim=None)
    else:
        changed = doubtful.update(state=State.SENT, reason=Reason.TAKEN_AS_SENT, claim=None)
    if not changed:
        raise NotNow(_("The letter is no longer in doubt: load its page again."))
    if row.case and not send_again:
        waves.record_event(case=row.case, kind=sending.EVENTS[LetterKind(row.kind)], at=now)
    detail = {"letter": str(row.pk), "send_again": send_again, "reason": why}
    audit.record(
        by=by, verb="letter.decided", now=now, study=study.slug, subject=row.member.code, detail=detail
    )


def queue_service(
    *, member: PanelMember, occasion: UUID, now: datetime, kind: LetterKind = LetterKind.RECEIPT
) -> Outgoing:
    """Service mail for a request (its id is the occasion), once a kind. Joins the caller's transaction."""
    row, _new = Outgoing.objects.get_or_create(
        member=member,
        purpose=Purpose.SERVICE,
        occasion=occasion,
        kind=kind,
        ordinal=1,
        defaults={"due_at": now},
    )
    return row


def is_under_way(*, occasion: UUID, kind: LetterKind) -> bool:
    """Whether a request's letter of this kind waits or is being sent right now."""
    return Outgoing.objects.filter(occasion=occasion, kind=kind, state__in=rules.UNDER_WAY).exists()


def service_letter(*, occasion: UUID, kind: LetterKind) -> Outgoing | None:
    """A request's letter of this kind, as it stands."""
    return Outgoing.objects.filter(purpose=Purpose.SERVICE, occasion=occasion, kind=kind).first()


@transaction.atomic
def queue_service_many(*, members: Iterable[UUID], occasion: UUID, kind: LetterKind, now: datetime) -> int:
    """The same for many members (by id), in sets; returns how many letters are new, for nobody gets a second."""
    before = _queued(occasion, kind)
    for some in batched(members, BATCH):
        Outgoing.objects.bulk_create(
            [
                Outgoing(member_id=pk, purpose=Purpose.SERVICE, occasion=occasion, kind=kind, due_at=now)
                for pk in some
            ],
            ignore_conflicts=True,
        )
    return _queued(occasion, kind) - before


def _queued(occasion: UUID, kind: LetterKind) -> int:
    return Outgoing.objects.filter(purpose=Purpose.SERVICE, occasion=occasion, kind=kind).count()


def cancel_service(*, occasion: UUID, kind: LetterKind) -> int:
    """A request's letter that waits is not sent, for the request is over. Joins the caller's transaction."""
    waiting = Outgoing.objects.filter(occasion=occasion, kind=kind, state__in=rules.WAITING)
    return waiting.update(state=State.CANCELLED, reason=Reason.TAKEN_BACK)


def _uninvited(wave: Wave) -> QuerySet[Case]:
    invited = Outgoing.objects.filter(case=OuterRef("pk"), kind=LetterKind.INVITATION)
    return Case.objects.filter(~Exists(invited), wave=wave)


def _to_remind(wave: Wave, ordinal: int, days: int, now: datetime) -> QuerySet[Case]:
    """Invited long enough ago by the calendar, not over, and no letter under way or in doubt."""
    day_after = rules.local_day(now) - timedelta(days=days - 1)
    invited_before = datetime.combine(day_after, time(), tzinfo=rules.OSLO)
    events = CaseEvent.objects.filter(case=OuterRef("pk"))
    letters = Outgoing.objects.filter(case=OuterRef("pk"))
    return Case.objects.filter(
        Exists(events.filter(kind=CaseEvent.Kind.INVITED, at__lt=invited_before)),
        ~Exists(events.filter(kind__in=rules.OVER)),
        ~Exists(letters.filter(kind=LetterKind.REMINDER, ordinal=ordinal)),
        ~Exists(letters.filter(state__in=rules.LIVE)),
        wave=wave,
        member__status=PanelMember.Status.ACTIVE,
    )


def _queue(wave: Wave, cases: QuerySet[Case], kind: LetterKind, ordinal: int, now: datetime) -> int:
    """Rows for these cases in sets; of those that another run adds at the same moment one stays."""
    added = 0
    wanted = list(cases.values_list("pk", "member_id"))
    for start in range(0, len(wanted), BATCH):
        rows = [
            Outgoing(member_id=member, case_id=case, occasion=case, purpose=Purpose.WAVES, kind=kind,
                     ordinal=ordinal, due_at=now)
            for case, member in wanted[start : start + BATCH]
        ]  # fmt: skip
        with transaction.atomic():
            Outgoing.objects.bulk_create(rows, ignore_conflicts=True)
            new = Outgoing.objects.filter(pk__in=[row.pk for row in rows]).count()
            if new:
                detail = {"kind": kind.value, "ordinal": ordinal, "letters": new}
                audit.record(
                    by=CLOCK,
                    verb="letters.queued",
                    now=now,
                    study=wave.study.slug,
                    subject=wave.name,
                    detail=detail,
                )
        added += new
    return added


def _revive(wave: Wave, now: datetime) -> None:
    """An invitation that a stop held up goes once the member took the stop back; checked like any."""
    stopped = Outgoing.objects.filter(
        case__wave=wave,
        kind=LetterKind.INVITATION,
        state=State.CANCELLED,
        reason__in=rules.REVERSIBLE,
        member__status=PanelMember.Status.ACTIVE,
        member__mail_stopped=False,
    )
    codes = dict(stopped.values_list("pk", "member__code"))
    if not codes:
        return
    agreed = consent.holding(study_key=wave.study.key, subjects=set(codes.values()), purpose=Purpose.WAVES)
    again = [pk for pk, code in codes.items() if code in agreed]
    for start in range(0, len(again), BATCH):
        Outgoing.objects.filter(pk__in=again[start : start + BATCH], state=State.CANCELLED).update(
            state=State.QUEUED, reason="", due_at=now
        )


def _wake(wave: Wave, now: datetime) -> None:
    """A letter that waits for the end of a pause goes as soon as the pause is taken back or made shorter."""
    over = Q(member__paused_until=None) | Q(member__paused_until__lte=rules.local_day(now))
    paused = Outgoing.objects.filter(over, case__wave=wave, state=State.DEFERRED, reason=Reason.PAUSED)
    paused.filter(due_at__gt=now).update(due_at=now)


def _cancel_closed(now: datetime) -> None:
    """What still waits when its wave is closed ends as "not sent: closed", counted."""
    waiting = Outgoing.objects.filter(case__wave__status=Wave.Status.CLOSED, state__in=rules.WAITING)
    while rows := list(waiting.select_related("case")[:BATCH]):
        with transaction.atomic():
            sending.put_off({row: rules.Verdict(Reason.CLOSED) for row in rows}, now)


def _held_up(now: datetime) -> set[UUID]:
    """Studies that may send nothing yet (NO-01). What is due of theirs says so, and goes once they are ready.

    Receipts wait with the rest: what a member asked for is done at once, only the letter on it comes later.
    """
    due = Outgoing.objects.filter(state__in=rules.WAITING, due_at__lte=now)
    unready = readiness.unready(Study.objects.filter(pk__in=due.values("member__study")))
    untold = due.filter(member__study__in=unready).exclude(reason=Reason.STUDY_NOT_READY)
    if unready:
        untold.update(state=State.DEFERRED, reason=Reason.STUDY_NOT_READY)
    return unready


def _claim(rows: QuerySet[Outgoing], now: datetime, room: int) -> Iterator[UUID]:
    """Claims chunk by chunk. Two dispatchers may see the same rows; the update gives each to one."""
    due = rows.filter(state__in=rules.WAITING, due_at__lte=now).order_by("due_at")
    while room > 0:
        seen = list(due.values_list("pk", flat=True)[: min(rules.CHUNK, room)])
        if not seen:
            return
        claim = uuid4()
        taken = Outgoing.objects.filter(pk__in=seen, state__in=rules.WAITING).update(
            state=State.CLAIMED, claim=claim, lease_until=now + rules.CLAIM_LEASE, reason=""
        )
        if taken:
            room -= taken
            yield claim
