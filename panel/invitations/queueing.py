"""Puts into the outbox what a wave's plan makes due, once; wakes what waited for a stop or a pause that is over.

Works in sets and may run twice or at once: a unique constraint decides. Not here: claiming and sending
(services.py, sending.py), what a plan says (waves/plans.py).
"""

from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from consent import selectors as consent
from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.invitations import burdens, checking, rules
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.members.models import PanelMember
from panel.waves import plans
from panel.waves.models import Case, CaseEvent, Wave
from panel.waves.plans import Condition, Step

CLOCK = Actor.system("clock")
BATCH = 1000


def queue_due(*, now: datetime) -> int:
    """Puts each letter that is due into the outbox, once. Returns how many rows are new."""
    new = 0
    for wave in Wave.objects.filter(status=Wave.Status.OPEN, closes_at__gt=now).select_related("study"):
        for step in wave.planned.steps:
            new += _queue(wave, _for(step, wave, now), step, now)
        _revive(wave, now)
        _wake(wave, now)
    _cancel_closed(now)
    return new


def _for(step: Step, wave: Wave, now: datetime) -> QuerySet[Case]:
    """The cases that this step is due for and that have no letter of it yet."""
    if step.kind in plans.REMINDERS:
        return _to_remind(step, wave, now)
    waiting = Case.objects.filter(~Exists(_letters(step)), wave=wave)
    return waiting if days_since(wave.opens_at, now) >= step.days else waiting.none()


def days_since(moment: datetime, now: datetime) -> int:
    """Days by the calendar in Norway."""
    return (rules.local_day(now) - rules.local_day(moment)).days


def _letters(step: Step) -> QuerySet[Outgoing]:
    """Letters of this step; the nth reminder is one letter, whether to begin or to go on."""
    kinds = plans.REMINDERS if step.kind in plans.REMINDERS else (step.kind,)
    return Outgoing.objects.filter(case=OuterRef("pk"), kind__in=kinds, ordinal=step.ordinal)


def _to_remind(step: Step, wave: Wave, now: datetime) -> QuerySet[Case]:
    """Invited long enough ago by the calendar, not over, and no letter under way or in doubt."""
    day_after = rules.local_day(now) - timedelta(days=step.days - 1)
    invited_before = datetime.combine(day_after, time(), tzinfo=rules.OSLO)
    events = CaseEvent.objects.filter(case=OuterRef("pk"))
    letters = Outgoing.objects.filter(case=OuterRef("pk"))
    started = Exists(events.filter(kind=CaseEvent.Kind.STARTED))
    of_them = {Condition.NOT_STARTED: ~started, Condition.HALFWAY: started}.get(step.to, Q())
    return Case.objects.filter(
        of_them,
        Exists(events.filter(kind=CaseEvent.Kind.INVITED, at__lt=invited_before)),
        ~Exists(events.filter(kind__in=rules.OVER)),
        ~Exists(_letters(step)),
        ~Exists(letters.filter(state__in=rules.LIVE)),
        wave=wave,
        member__status=PanelMember.Status.ACTIVE,
    )


def _queue(wave: Wave, cases: QuerySet[Case], step: Step, now: datetime) -> int:
    """Rows for these cases in sets; of those that another run adds at the same moment one stays."""
    added, kind = 0, LetterKind(step.kind.value)
    wanted = list(cases.values_list("pk", "member_id"))
    for start in range(0, len(wanted), BATCH):
        rows = [
            Outgoing(member_id=member, case_id=case, occasion=case, purpose=rules.PURPOSES[kind],
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
            checking.put_off({row: rules.Verdict(Reason.CLOSED) for row in rows}, now)
