"""What a wave's plan says: its steps, its sample, its soft launch; read from JSON and written to it. Pure values.

Not here: whether a plan may be (rules.py), who gets what when (panel/invitations), versions and their changes.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput


class StepKind(TextChoices):
    """What a step sends. The values are those of the letters' kinds (panel/invitations)."""

    PRE_NOTIFICATION = "pre_notification", _("pre-notification")
    INVITATION = "invitation", _("invitation")
    REMINDER = "reminder", _("reminder")
    CONTINUE = "continue", _("reminder to go on")
    THANKS = "thanks", _("thank-you")
    KEEP_IN_TOUCH = "keep_in_touch", _("keep in touch")
    INTERVIEW_REQUEST = "interview_request", _("interview request")


class Condition(TextChoices):
    """Which of the sample a step is for, looked at when it would be sent."""

    EVERYBODY = "everybody", _("everybody in the sample")
    NOT_STARTED = "not_started", _("who has not started")
    HALFWAY = "halfway", _("who stopped halfway")
    NOT_COMPLETED = "not_completed", _("who has not completed")
    COMPLETED = "completed", _("who completed")


#: No plan has more; what is checked step against step stays quick.
STEPS_MAX = 50
#: What a wave is about; in each wave one kind of these.
MAIN = (StepKind.INVITATION, StepKind.INTERVIEW_REQUEST, StepKind.KEEP_IN_TOUCH)
#: Counts towards the cap on reminders.
REMINDERS = (StepKind.REMINDER, StepKind.CONTINUE)
#: Their days count from the invitation of each member; a thank-you's from its completion; all others from the opening.
AFTER_INVITATION = REMINDERS
USUAL: dict[StepKind, Condition] = {
    StepKind.REMINDER: Condition.NOT_STARTED,
    StepKind.CONTINUE: Condition.HALFWAY,
    StepKind.THANKS: Condition.COMPLETED,
}


@dataclass(frozen=True)
class Step:
    """One step: its letter goes `days` after its starting point to those of whom `to` is true.

    `letter` is the id of a letter's version, "" for the newest approved one of its kind.
    """

    kind: StepKind
    days: int
    ordinal: int = 1
    to: Condition = Condition.EVERYBODY
    letter: str = ""


@dataclass(frozen=True)
class Earlier:
    """Something that happened to a case of an earlier wave: a wave's name and a kind of event."""

    wave: str
    event: str


@dataclass(frozen=True)
class Sample:
    """Who is asked; an empty list means all. Having left Norway excludes nobody by itself (RES-05).

    All of `only` must have happened, none of `but`. With `at_most` so many are drawn by lot, as for a pilot.
    """

    cohorts: Sequence[str] = ()
    places: Sequence[str] = ()
    languages: Sequence[str] = ()
    only: Sequence[Earlier] = ()
    but: Sequence[Earlier] = ()
    at_most: int | None = None

    def __post_init__(self) -> None:
        for name in ("cohorts", "places", "languages", "only", "but"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # so that two of one meaning are equal


@dataclass(frozen=True)
class SoftLaunch:
    """The first so many get their letters so many days earlier; the rest only if few of these failed."""

    first: int
    days: int = 2
    limit: float = 0.05


@dataclass(frozen=True)
class Plan:
    """The whole of a plan but its questionnaire and its field period.

    `seed` decides what is drawn by lot, so that everybody can draw it again.
    """

    steps: Sequence[Step]
    sample: Sample = Sample()
    soft_launch: SoftLaunch | None = None
    seed: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))

    @property
    def main(self) -> Step | None:
        """The step that everything after it counts from: an invitation, a request, a letter to keep in touch."""
        found = [one for one in self.steps if one.kind in MAIN]
        return min(found, key=lambda one: (MAIN.index(one.kind), one.ordinal), default=None)

    def step(self, kind: str, ordinal: int) -> Step | None:
        """The step of this kind and number; the nth reminder to begin and the nth to go on are two steps."""
        return next((one for one in self.steps if one.kind == kind and one.ordinal == ordinal), None)

    def as_json(self) -> dict[str, Any]:
        """As it is stored: what JSON knows, and nothing else."""
        stored: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Plan":
        """From what is stored, or what somebody wrote; BadInput for what is no plan."""
        try:
            _only(stored, "steps", "sample", "soft_launch", "seed")
            soft = stored.get("soft_launch")
            return cls(
                steps=numbered([_step(one) for one in _few(stored["steps"])]),
                sample=_sample(stored.get("sample") or {}),
                soft_launch=_soft_launch(soft) if soft else None,
                seed=str(stored.get("seed", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BadInput(_("This is not a wave's plan: see the handbook for its form.")) from error


def _only(stored: Mapping[str, Any], *names: str) -> None:
    """A name with a typing error in it must not go for nothing: a plan without its soft launch asks everybody."""
    if unknown := set(stored) - set(names):
        raise ValueError(unknown)


def _few(steps: Sequence[Any]) -> Sequence[Any]:
    if len(steps) > STEPS_MAX:
        raise ValueError("too many steps")
    return steps


def _whole(number: Any) -> int:
    if isinstance(number, bool) or int(number) != float(number):
        raise ValueError("a whole number is wanted")
    return int(number)


def _soft_launch(stored: Mapping[str, Any]) -> SoftLaunch:
    _only(stored, "first", "days", "limit")
    days, limit = stored.get("days", 2), stored.get("limit", 0.05)
    return SoftLaunch(_whole(stored["first"]), _whole(days), float(limit))


def _step(stored: Mapping[str, Any]) -> Step:
    _only(stored, "kind", "days", "ordinal", "to", "letter")
    kind = StepKind(stored["kind"])
    to = Condition(stored.get("to") or USUAL.get(kind, Condition.EVERYBODY))
    letter = str(UUID(stored["letter"])) if stored.get("letter") else ""
    return Step(
        kind=kind, days=_whole(stored["days"]), ordinal=_whole(stored.get("ordinal", 0)), to=to, letter=letter
    )


def _sample(stored: Mapping[str, Any]) -> Sample:
    _only(stored, "cohorts", "places", "languages", "only", "but", "at_most")
    names = {name: list(stored.get(name) or ()) for name in ("cohorts", "places", "languages")}
    if any(isinstance(stored.get(name), str) for name in stored):
        raise ValueError("a list is wanted")
    earlier = [one[part] for name in ("only", "but") for one in stored.get(name) or () for part in one]
    if not all(isinstance(one, str) for one in (*chain(*names.values()), *earlier)):
        raise ValueError("names are wanted")
    at_most = stored.get("at_most")
    return Sample(
        **names,
        only=[Earlier(**one) for one in stored.get("only") or ()],
        but=[Earlier(**one) for one in stored.get("but") or ()],
        at_most=_whole(at_most) if at_most is not None else None,
    )


def numbered(steps: Sequence[Step]) -> list[Step]:
    """Numbers the steps that bear none: reminders by their days, to begin and to go on alike, others by kind."""
    days = {step.kind: sorted({one.days for one in steps if alike(one.kind, step.kind)}) for step in steps}
    return [
        step if step.ordinal else replace(step, ordinal=days[step.kind].index(step.days) + 1)
        for step in steps
    ]


def alike(kind: StepKind, other: StepKind) -> bool:
    """Whether two kinds are numbered together."""
    return kind == other or (kind in REMINDERS and other in REMINDERS)


def holds(to: Condition, events: Collection[str]) -> bool:
    """Whether a condition is true of a case to which this happened."""
    match to:
        case Condition.NOT_STARTED:
            return "started" not in events and "completed" not in events
        case Condition.HALFWAY:
            return "started" in events and "completed" not in events
        case Condition.NOT_COMPLETED:
            return "completed" not in events
        case Condition.COMPLETED:
            return "completed" in events
    return True


def due_on(step: Step, *, opening: date, main_sent: date | None, completed: date | None) -> date | None:
    """The day on which a step is due for a member; None as long as what it counts from has not happened."""
    start = (
        completed if step.kind == StepKind.THANKS else main_sent if step.kind in AFTER_INVITATION else opening
    )
    return start + timedelta(days=step.days) if start else None


def usual_plan(*, reminder_days: Sequence[int] = (), cohorts: Sequence[str] = ()) -> Plan:
    """An invitation at the opening; on each of these days a reminder, another one for who stopped halfway."""
    reminders = [
        Step(kind, days, ordinal, USUAL[kind])
        for ordinal, days in enumerate(reminder_days, start=1)
        for kind in REMINDERS
    ]
    return Plan(steps=[Step(StepKind.INVITATION, 0), *reminders], sample=Sample(cohorts=list(cohorts)))
