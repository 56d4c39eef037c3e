"""When a step's letter is due for a member: the moment, for re-timing and for dry runs. Pure.

The outbox asks the same of the database in sets (queueing.py, _its_day).
"""

from dataclasses import dataclass
from datetime import date, datetime

from panel.invitations import limits
from panel.waves import plans
from panel.waves.models import Wave
from panel.waves.plans import Plan, Step, StepKind


@dataclass(frozen=True)
class Opening:
    """From when the letters of a wave count, for the first and, after a soft launch, for the rest."""

    first: datetime
    rest: datetime

    @classmethod
    def of(cls, plan: Plan, opens_at: datetime, rest_released_at: datetime | None) -> "Opening":
        """As planned, where the rest was not released yet."""
        if rest_released_at or plan.soft_launch is None:
            return cls(opens_at, rest_released_at or opens_at)
        return cls(opens_at, limits.days_after(opens_at, plan.soft_launch.days))

    @classmethod
    def of_wave(cls, wave: Wave) -> "Opening":
        return cls.of(wave.planned, wave.opens_at, wave.rest_released_at)


def moment(
    step: Step, opening: Opening, *, first_batch: bool, main_sent: date | None, completed: date | None
) -> datetime | None:
    """When it is due; None as long as what it counts from has not happened."""
    start = opening.first if first_batch else opening.rest
    day = plans.due_on(step, opening=limits.local_day(start), main_sent=main_sent, completed=completed)
    if day is None:
        return None
    due = limits.midnight(day)
    if step.kind == StepKind.PRE_NOTIFICATION or step.kind in plans.AFTER_INVITATION:
        return due
    return max(due, start)


def retimed(due_at: datetime, due: datetime, *, waits_for_plan: bool, now: datetime) -> datetime:
    """When a letter that waits is looked at next, once its plan wants it at `due`.

    What a limit or the server put off is not brought forward: it would be put off again.
    """
    if due > now:
        return due if waits_for_plan else max(due, due_at)
    return now if waits_for_plan else due_at
