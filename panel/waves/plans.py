"""What a wave's plan says: its steps, its sample, its soft launch; read from JSON and written to it. Pure values.

Not here: whether a plan may be (rules.py), who gets what when (panel/invitations), versions and their changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

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
    """Who is asked; an empty list means all. Having left Norway excludes nobody by itself (RES-05)."""

    cohorts: Sequence[str] = ()
    places: Sequence[str] = ()
    languages: Sequence[str] = ()
    only: Sequence[Earlier] = ()
    but: Sequence[Earlier] = ()


@dataclass(frozen=True)
class SoftLaunch:
    """The first so many get their letters so many days earlier; the rest only if few of these failed."""

    first: int
    days: int = 2
    limit: float = 0.05


@dataclass(frozen=True)
class Plan:
    """The whole of a plan but its questionnaire and its field period."""

    steps: Sequence[Step]
    sample: Sample = Sample()
    soft_launch: SoftLaunch | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Plan":
        """From what is stored, or what an operator wrote; BadInput for what is no plan."""
        try:
            sample, soft = dict(stored.get("sample") or {}), stored.get("soft_launch")
            for name in ("only", "but"):
                sample[name] = [Earlier(**one) for one in sample.get(name, ())]
            return cls(
                steps=[_step(one) for one in stored["steps"]],
                sample=Sample(**sample),
                soft_launch=SoftLaunch(**soft) if soft else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(_("This is not a wave's plan: see the handbook for its form.")) from error


def _step(stored: Mapping[str, Any]) -> Step:
    kind = StepKind(stored["kind"])
    to = Condition(stored.get("to") or USUAL.get(kind, Condition.EVERYBODY))
    return Step(
        kind=kind,
        days=int(stored["days"]),
        ordinal=int(stored.get("ordinal", 1)),
        to=to,
        letter=stored.get("letter", ""),
    )


def usual_plan(*, reminder_days: Sequence[int] = (), cohorts: Sequence[str] = ()) -> Plan:
    """An invitation at the opening; on each of these days a reminder, another one for who stopped halfway."""
    reminders = [
        Step(kind, days, ordinal, USUAL[kind])
        for ordinal, days in enumerate(reminder_days, start=1)
        for kind in REMINDERS
    ]
    return Plan(steps=[Step(StepKind.INVITATION, 0), *reminders], sample=Sample(cohorts=list(cohorts)))
