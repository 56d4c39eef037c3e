"""Puts into the outbox what a wave's plan makes due, once; wakes what waited for a stop or a pause that is over.

Works in sets and may run twice or at once: a unique constraint decides. Not here: claiming and sending
(services.py, sending.py), what a plan says (waves/plans.py).
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from consent import selectors as consent
from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.invitations import burdens, checking, limits, rules, soft_launch
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.members.models import PanelMember
from panel.sets import batched
from panel.waves import plans
from panel.waves import rules as waves
from panel.waves.models import Case, CaseEvent, Wave
from panel.waves.plans import Condition, Step, StepKind

CLOCK = Actor.system("clock")
BATCH = 1000


def queue_due(*, now: datetime) -> int:
    """Puts each letter that is due into the outbox, once. Returns how many rows are new, or due again."""
    new = 0
    to_be_sent = Wave.objects.filter(status__in=(Wave.Status.APPROVED, Wave.Status.OPEN), closes_at__gt=now)
    for wave in to_be_sent.select_related("study"):
        soft_launch.go_on(wave=wave, now=now)
        for step in wave.planned.steps:
            new += _queue(wave, _for(step, wave, now), step, now)
            new += _again(wave, step, now)
        _revive(wave, now)
        _wake(wave, now)
    _cancel_closed(now)
    return new


def purpose(of_wave: str, kind: str) -> Purpose:
    """What a letter in a wave of this kind needs a basis for: the wave's own purpose, but for what keeps in touch."""
    return Purpose.KEEP_IN_TOUCH if kind == LetterKind.KEEP_IN_TOUCH else waves.PURPOSES[of_wave]


def _for(step: Step, wave: Wave, now: datetime) -> QuerySet[Case]:
    """The cases that this step is due for and that have no letter of it yet."""
    return due(step, wave, now).filter(~Exists(_letters(step, OuterRef("pk"))))


def due(step: Step, wave: Wave, now: datetime) -> QuerySet[Case]:
    """The cases whose turn it is by the plan; whether a letter may go is asked when it is sent."""
    before_opening = step.kind == StepKind.PRE_NOTIFICATION
    if (wave.status == Wave.Status.APPROVED) != before_opening:
        return Case.objects.none()
    events = CaseEvent.objects.filter(case=OuterRef("pk"))
    over = set(rules.OVER) - (
        {CaseEvent.Kind.COMPLETED} if LetterKind(step.kind.value) in rules.AFTER_COMPLETION else set()
    )
    cases = Case.objects.filter(
        _its_day(step, wave, events, now),
        _condition(step.to, events),
        ~Exists(events.filter(kind__in=over)),
        wave=wave,
    )
    if step.kind in plans.REMINDERS:  # none while another letter is under way or in doubt
        cases = cases.filter(~Exists(Outgoing.objects.filter(case=OuterRef("pk"), state__in=rules.LIVE)))
    if step.kind == rules.MAIN_OF[wave.kind].value:
        return cases
    return cases.filter(member__status=PanelMember.Status.ACTIVE)


def _its_day(step: Step, wave: Wave, events: QuerySet[CaseEvent], now: datetime) -> Q:
    """By the calendar in Norway: so many days after the opening, or after what the step counts from."""
    if step.kind in plans.AFTER_INVITATION:
        return Q(Exists(events.filter(kind=rules.EVENTS[rules.MAIN_OF[wave.kind]], at__lt=_ago(step, now))))
    if step.kind == StepKind.THANKS:
        return Q(Exists(events.filter(kind=CaseEvent.Kind.COMPLETED, at__lt=_ago(step, now))))
    groups = {True: wave.opens_at, False: wave.rest_released_at}
    turn = [first for first, start in groups.items() if start and days_since(start, now) >= step.days]
    return Q(first_batch__in=turn)


def _ago(step: Step, now: datetime) -> datetime:
    """What happened before this happened as many days ago as the step waits."""
    return limits.midnight(rules.local_day(now) - timedelta(days=step.days - 1))


def _condition(to: Condition, events: QuerySet[CaseEvent]) -> Q:
    """The same as plans.holds, in the database."""
    begun = Exists(events.filter(kind__in=(CaseEvent.Kind.STARTED, CaseEvent.Kind.COMPLETED)))
    completed = Exists(events.filter(kind=CaseEvent.Kind.COMPLETED))
    return {
        Condition.EVERYBODY: Q(),
        Condition.NOT_STARTED: Q(~begun),
        Condition.HALFWAY: Q(begun) & Q(~completed),
        Condition.NOT_COMPLETED: Q(~completed),
        Condition.COMPLETED: Q(completed),
    }[to]


def days_since(moment: datetime, now: datetime) -> int:
    """Days by the calendar in Norway."""
    return (rules.local_day(now) - rules.local_day(moment)).days


def _letters(step: Step, case: OuterRef | QuerySet[Case]) -> QuerySet[Outgoing]:
    """Letters of this step; the nth reminder is one letter, whether to begin or to go on."""
    kinds = plans.REMINDERS if step.kind in plans.REMINDERS else (step.kind,)
    found = {"case": case} if isinstance(case, OuterRef) else {"case__in": case}
    return Outgoing.objects.filter(kind__in=[kind.value for kind in kinds], ordinal=step.ordinal, **found)


def _again(wave: Wave, step: Step, now: datetime) -> int:
    """What a plan's condition, or a changed plan, cancelled goes after all once its turn comes by the plan as it is.

    The nth reminder stays one row: who began to answer before it went gets the letter to go on instead.
    """
    cancelled = _letters(step, due(step, wave, now)).filter(state=State.CANCELLED, reason__in=rules.BY_PLAN)
    return sum(
        Outgoing.objects.filter(pk__in=some, state=State.CANCELLED, reason__in=rules.BY_PLAN).update(
            kind=step.kind, letter_id=step.letter or None, state=State.QUEUED, reason="", due_at=now
        )
        for some in batched(cancelled.values_list("pk", flat=True), BATCH)
    )


def _queue(wave: Wave, cases: QuerySet[Case], step: Step, now: datetime) -> int:
    """Rows for these cases in sets; of those that another run adds at the same moment one stays."""
    added, kind = 0, LetterKind(step.kind.value)
    wanted = list(cases.values_list("pk", "member_id"))
    for start in range(0, len(wanted), BATCH):
        rows = [
            Outgoing(member_id=member, case_id=case, occasion=case, purpose=purpose(wave.kind, kind),
                     kind=kind, ordinal=step.ordinal, letter_id=step.letter or None,
                     planned_at=now, due_at=now, **burdens.cap(wave.study))
            for case, member in wanted[start : start + BATCH]
        ]  # fmt: skip
        with transaction.atomic():
            Outgoing.objects.bulk_create(rows, ignore_conflicts=True)
            new = Outgoing.objects.filter(pk__in=[row.pk for row in rows]).count()
            if new:
                detail = {"kind": kind.value, "ordinal": step.ordinal, "letters": new}
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
    """A wave's main letter that a stop held up goes once the member took the stop back; checked like any."""
    stopped = Outgoing.objects.filter(
        case__wave=wave,
        kind=rules.MAIN_OF[wave.kind],
        state=State.CANCELLED,
        reason__in=rules.REVERSIBLE,
        member__status=PanelMember.Status.ACTIVE,
        member__mail_stopped=False,
    )
    codes = dict(stopped.values_list("pk", "member__code"))
    if not codes:
        return
    basis = waves.PURPOSES[wave.kind]
    agreed = consent.holding(study_key=wave.study.key, subjects=set(codes.values()), purpose=basis)
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
    """What still waits when its wave is closed, or never came to wait, ends as "not sent: closed", counted."""
    waiting = Outgoing.objects.filter(case__wave__status=Wave.Status.CLOSED, state__in=rules.WAITING)
    while rows := list(waiting.select_related("case__wave")[:BATCH]):
        with transaction.atomic():
            checking.put_off({row: rules.Verdict(Reason.CLOSED) for row in rows}, now)
    soft_launch.count_unsent(now=now)
