"""A wave's plan where it meets the outbox: its letters pinned, the plan approved or changed, what waits re-timed.

Not here: what a plan may say (panel/waves), when letters are due (queueing.py), whom a change moves (differences.py).
"""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.errors import BadInput, NotFound
from panel.invitations import letter_versions, rules, timing
from panel.invitations.models import Letter, Outgoing
from panel.invitations.rules import Reason, State
from panel.members.models import Study
from panel.sets import batched
from panel.waves import plan_changes
from panel.waves import services as waves
from panel.waves.models import CaseEvent, PlanVersion, Wave
from panel.waves.plans import Plan, Step

BATCH = 1000


@transaction.atomic
def plan_wave(*, by: Actor, study: Study, plan: Plan, now: datetime, **given: Any) -> Wave:
    """Plans a wave; refused where it names a letter that there isn't, or that is another kind's."""
    check_letters(study, plan)
    return waves.plan_wave(by=by, study=study, plan=plan, now=now, **given)


@transaction.atomic
def approve_wave(*, by: Actor, wave: Wave, now: datetime) -> int:
    """Approves a plan with its letters as they are now: later versions change nothing in it. Returns the cases."""
    plan = with_letters(wave.study, wave.planned).as_json()
    Wave.objects.filter(pk=wave.pk, status=Wave.Status.PLANNED, plan_number=wave.plan_number).update(
        plan=plan
    )
    wave.versions.filter(number=wave.plan_number).update(plan=plan)
    wave.plan = plan
    return waves.approve_wave(by=by, wave=wave, now=now)


@transaction.atomic
def propose_change(*, by: Actor, wave: Wave, plan: Plan, now: datetime, **given: Any) -> PlanVersion:
    """A changed plan to look at (differences.py), then to apply or to drop."""
    check_letters(wave.study, plan)
    return plan_changes.propose_change(by=by, wave=wave, plan=plan, now=now, **given)


@transaction.atomic
def apply_change(*, by: Actor, version: PlanVersion, now: datetime) -> Wave:
    """Puts a changed plan in force: what waits is re-timed, or cancelled where no step wants it any more.

    What was sent or is being sent stays as it is; what is new is queued when it is due.
    """
    plan = Plan.from_json(version.plan)
    if version.wave.status != Wave.Status.PLANNED:
        plan = with_letters(version.wave.study, plan)
    wave = plan_changes.put_in_force(by=by, version=version, plan=plan, now=now)
    _follow(wave, now)
    return wave


@transaction.atomic
def extend_close(*, by: Actor, wave: Wave, closes_at: datetime, now: datetime) -> Wave:
    """Closes later: links answer until then; steps stay on their days."""
    return plan_changes.closing_later(by=by, wave=wave, closes_at=closes_at, plan=wave.planned, now=now)


def check_letters(study: Study, plan: Plan) -> None:
    """Refuses a plan that names a letter that there isn't; it may still be a draft, until the plan is approved."""
    named = {step.letter for step in plan.steps if step.letter}
    kinds = {
        str(pk): kind
        for pk, kind in Letter.objects.filter(study=study, pk__in=named).values_list("pk", "kind")
    }
    for step in plan.steps:
        if step.letter and kinds.get(step.letter) is None:
            raise NotFound(_("This is no letter of the study."))
        if step.letter and kinds[step.letter] != step.kind:
            sentence = _("This letter is of another kind: choose one for “%(kind)s”.")
            raise BadInput(sentence % {"kind": step.kind.label})


def with_letters(study: Study, plan: Plan) -> Plan:
    """With the version of each step's letter: the one it names, or the newest. Refused where one can't be sent."""
    check_letters(study, plan)
    steps = [
        replace(
            step,
            letter=str(
                letter_versions.usable(study, step.letter).pk
                if step.letter
                else letter_versions.newest_usable(study, step.kind).pk
            ),
        )
        for step in plan.steps
    ]
    return replace(plan, steps=steps)


def _follow(wave: Wave, now: datetime) -> None:
    """What waits follows the plan as it is now. Rows in a worker's hands are checked once more before they go."""
    waiting = Outgoing.objects.filter(case__wave=wave, state__in=rules.WAITING)
    plan = wave.planned
    for kind, ordinal in set(waiting.order_by().values_list("kind", "ordinal").distinct()):
        rows = waiting.filter(kind=kind, ordinal=ordinal)
        if step := plan.step(kind, ordinal):
            _retime(wave, step, now)
        else:
            rows.update(state=State.CANCELLED, reason=Reason.PLAN_CHANGED)


def _retime(wave: Wave, step: Step, now: datetime) -> None:
    """Each to its moment by the plan as it is now; in sets, for many share theirs."""
    rows = Outgoing.objects.filter(
        case__wave=wave, kind=step.kind, ordinal=step.ordinal, state__in=rules.WAITING
    )
    rows.update(letter=UUID(step.letter) if step.letter else None)
    events = CaseEvent.objects.filter(case=OuterRef("case")).order_by().values("case")
    main = (
        events.filter(kind=rules.EVENTS[rules.MAIN_OF[wave.kind]]).annotate(first=Min("at")).values("first")
    )
    done = events.filter(kind=CaseEvent.Kind.COMPLETED).annotate(first=Min("at")).values("first")
    found = rows.annotate(main_sent=Subquery(main), completed=Subquery(done)).values_list(
        "pk", "state", "reason", "due_at", "case__first_batch", "main_sent", "completed"
    )
    opening, groups = timing.Opening.of_wave(wave), defaultdict(list)
    for pk, state, reason, due_at, first_batch, main_sent, completed in found.iterator(chunk_size=BATCH):
        due = timing.moment(
            step,
            opening,
            first_batch=first_batch,
            main_sent=main_sent and rules.local_day(main_sent),
            completed=completed and rules.local_day(completed),
        )
        waits_for_plan = state == State.QUEUED or reason == Reason.MOVED
        if due and (moved := timing.retimed(due_at, due, waits_for_plan=waits_for_plan, now=now)) != due_at:
            groups[due, moved].append(pk)
    for (due, moved), pks in groups.items():
        _move(pks, due, moved, now)


def _move(pks: list[UUID], due: datetime, moved: datetime, now: datetime) -> None:
    later = (
        {"state": State.DEFERRED, "reason": Reason.MOVED}
        if moved > now
        else {"state": State.QUEUED, "reason": ""}
    )
    for some in batched(pks, BATCH):
        waiting = Outgoing.objects.filter(pk__in=some, state__in=rules.WAITING)
        waiting.update(planned_at=due, due_at=moved, **later)
