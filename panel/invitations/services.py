"""The outbox's writes: claim what is due, sweep what a crash left, decide on the doubtful, queue service mail.

Each works in sets and may run twice or at once: a unique constraint and compare-and-set updates decide, the
same way on SQLite and PostgreSQL. Not here: what a plan makes due (queueing.py), checking and sending a chunk (checking.py, sending.py), the
letters' words (letters.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations import readiness, rules
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.queueing import queue_due as queue_due
from panel.invitations.rules import Reason, State
from panel.journal import selectors as journal
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.sets import batched
from panel.waves import services as waves

CLOCK = Actor.system("clock")
BATCH = 1000


@dataclass(frozen=True)
class Claimed:
    """A chunk of rows that one worker may send. Service mail is not held up by a wave's letters."""

    claim: UUID
    service_mail: bool


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
        waves.record_event(case=row.case, kind=rules.EVENTS[row.kind], at=now)
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
        defaults={"planned_at": now, "due_at": now},
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
                Outgoing(
                    member_id=pk,
                    purpose=Purpose.SERVICE,
                    occasion=occasion,
                    kind=kind,
                    planned_at=now,
                    due_at=now,
                )
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
