"""Claims what is due, in chunks for the workers, in the order in which plans wanted it.

Several may run at once: a compare-and-set update gives each row to one. Not here: whether a letter may go (rules.py),
sending it (sending.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Q, QuerySet

from panel.invitations import limits, pauses, readiness, rules
from panel.invitations.models import Outgoing, SendingPause
from panel.invitations.rules import Reason, State
from panel.journal import selectors as journal
from panel.members.models import Study
from panel.sets import batched

#: Rows per UPDATE of what is put off.
SET = 1000


@dataclass(frozen=True)
class Claimed:
    """A chunk of rows that one worker may send. Service mail is not held up by a wave's letters."""

    claim: UUID
    service_mail: bool


def dispatch(*, now: datetime) -> Iterator[Claimed]:
    """Claims what is due, chunk by chunk as it is asked for the next; the caller hands each claim to a worker.

    Receipts come first. Nothing at all on a restored database until its journal is replayed (CRY-11), or by a clock
    set back.
    """
    if not journal.in_step(now=now):
        return
    waiting = Outgoing.objects.filter(state__in=rules.WAITING)
    ready = waiting.exclude(member__study__in=_held_up(now))
    receipts = _due(ready.filter(case=None), now, _most())  # before any wave's letters
    yield from (Claimed(claim, True) for claim in _claim(receipts, now))
    of_waves = ready.exclude(case=None)
    here = pauses.watch(now=now)
    letters = _probe(here, of_waves, now) if here else _claim(_letters(of_waves, now), now)
    yield from (Claimed(claim, False) for claim in letters)


def _due(rows: QuerySet[Outgoing], now: datetime, room: int) -> list[UUID]:
    """Ids of what is due, what plans wanted first before the rest: nothing deferred is overtaken for ever."""
    first = rows.filter(due_at__lte=now).order_by("planned_at", "pk")
    return list(first.values_list("pk", flat=True)[: max(room, 0)])


def _letters(of_waves: QuerySet[Outgoing], now: datetime) -> list[UUID]:
    """Survey mail that may be claimed now: no study's that a person paused, no more than the day allows."""
    paused = SendingPause.objects.filter(lifted_at=None).exclude(study=None).values("study")
    _tell(of_waves.filter(member__study__in=paused, due_at__lte=now), Reason.SENDING_PAUSED)
    going = of_waves.exclude(member__study__in=paused)
    claimed = Outgoing.objects.filter(state=State.CLAIMED).exclude(case=None).count()
    room = _most() - claimed
    return _of_today(going, now, room) if settings.MAIL_PER_DAY else _due(going, now, room)


def _of_today(rows: QuerySet[Outgoing], now: datetime, room: int) -> list[UUID]:
    """What has a place in today's quota. Places go in the order of the plans to all that may go today, so that who
    gets letters in the evening is not left without one by those of the morning.
    """
    tomorrow = limits.days_after(now, 1)
    left = settings.MAIL_PER_DAY - _used(now)
    today = rows.filter(Q(due_at__lt=tomorrow) | Q(reason=Reason.DAILY_QUOTA)).order_by("planned_at", "pk")
    places = list(today.values_list("pk", "due_at", "reason")[: max(left, 0)])
    going = [pk for pk, due_at, reason in places if due_at <= now or reason == Reason.DAILY_QUOTA][
        : max(room, 0)
    ]
    if len(places) >= left:
        placed = {pk for pk, _due_at, _reason in places}
        over = rows.filter(due_at__lte=now).exclude(reason=Reason.DAILY_QUOTA).values_list("pk", flat=True)
        _put_off([pk for pk in over if pk not in placed], limits.USUAL.opening(limits.local_day(tomorrow)))
    return going


def _used(now: datetime) -> int:
    """Survey letters handed over today, and those that workers have."""
    since = limits.midnight(limits.local_day(now))
    begun = Q(lease_until__isnull=False) | Q(tried_at__gte=since)
    return Outgoing.objects.filter(begun).exclude(case=None).count()


def _put_off(rows: Sequence[UUID], until: datetime) -> None:
    for start in range(0, len(rows), SET):
        waiting = Outgoing.objects.filter(pk__among=rows[start : start + SET], state__in=rules.WAITING)
        waiting.update(state=State.DEFERRED, reason=Reason.DAILY_QUOTA, due_at=until)


def _probe(here: SendingPause, of_waves: QuerySet[Outgoing], now: datetime) -> Iterator[UUID]:
    """While errors pile up one letter is tried now and then; the rest waits and says why.

    First one that has failed least: what fails for a reason of its own must not speak for the others.
    """
    claim = uuid4()
    due = of_waves.filter(due_at__lte=now).order_by("attempts", "planned_at", "pk")
    (*one,) = due.values_list("pk", flat=True)[:1]
    if one and pauses.try_one(here=here, claim=claim, now=now):
        yield from _take(one, claim, now)
    _tell(of_waves.filter(due_at__lte=now), Reason.SENDING_PAUSED)


def _held_up(now: datetime) -> set[UUID]:
    """Studies that may send nothing yet (NO-01). What is due of theirs says so, and goes once they are ready.

    Receipts wait with the rest: what a member asked for is done at once, only the letter on it comes later.
    """
    due = Outgoing.objects.filter(state__in=rules.WAITING, due_at__lte=now)
    unready = readiness.unready(Study.objects.filter(pk__in=due.values("member__study")))
    if unready:
        _tell(due.filter(member__study__in=unready), Reason.STUDY_NOT_READY)
    return unready


def _tell(rows: QuerySet[Outgoing], why: Reason) -> None:
    """What stays due and waits for something else says what for."""
    rows.exclude(reason=why).update(state=State.DEFERRED, reason=why)


def _claim(rows: Sequence[UUID], now: datetime) -> Iterator[UUID]:
    """Claims chunk by chunk. Two dispatchers may have seen the same rows; the update gives each to one."""
    for some in batched(rows, _size()):
        yield from _take(some, uuid4(), now)


def _most() -> int:
    """How many rows may be claimed at once: what a set rate can send before their lease ends."""
    return min(rules.CLAIMED_MAX, _in_time(rules.CLAIM_LEASE) or rules.CLAIMED_MAX)


def _size() -> int:
    """How many rows a claim has: what may go while their check holds, or letters are made in vain. Three workers that
    share the rate send all of theirs.
    """
    return min(settings.MAIL_CHUNK, _in_time(rules.CHECK_HOLDS / 3) or settings.MAIL_CHUNK)


def _in_time(time: timedelta) -> int:
    """How many letters may go in this time; 0 where no rate is set."""
    return settings.MAIL_PER_SECOND * int(time.total_seconds())


def _take(rows: Sequence[UUID], claim: UUID, now: datetime) -> Iterator[UUID]:
    still_due = Q(due_at__lte=now) | Q(reason=Reason.DAILY_QUOTA)
    taken = Outgoing.objects.filter(still_due, pk__among=rows, state__in=rules.WAITING).update(
        state=State.CLAIMED, claim=claim, lease_until=now + rules.CLAIM_LEASE, reason=""
    )
    if taken:
        yield claim
