"""When a wave may change its status, what a plan must keep to, who is drawn. Pure: takes `now`, returns or
raises.

Not here: what may be sent to one member at one moment (invitations/rules.py), nor codes and rates.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.errors import BadInput, NotNow
from panel.members.models import PanelMember
from panel.waves import plans
from panel.waves.models import Wave
from panel.waves.plans import Condition, Earlier, Plan, Sample, SoftLaunch, Step, StepKind

#: The whole life of a wave; docs/states.md is made from it.
TRANSITIONS: dict[Wave.Status, frozenset[Wave.Status]] = {
    Wave.Status.PLANNED: frozenset({Wave.Status.APPROVED}),
    Wave.Status.APPROVED: frozenset({Wave.Status.OPEN}),
    Wave.Status.OPEN: frozenset({Wave.Status.CLOSED}),
    Wave.Status.CLOSED: frozenset(),
}


#: The steps of each kind of wave, its main letter first.
STEPS: Mapping[str, Sequence[StepKind]] = {
    Wave.Kind.SURVEY: (
        StepKind.INVITATION,
        StepKind.PRE_NOTIFICATION,
        *plans.REMINDERS,
        StepKind.THANKS,
        StepKind.KEEP_IN_TOUCH,
    ),
    Wave.Kind.PILOT: (StepKind.INVITATION, StepKind.PRE_NOTIFICATION, *plans.REMINDERS, StepKind.THANKS),
    Wave.Kind.KEEP_IN_TOUCH: (StepKind.KEEP_IN_TOUCH,),
    Wave.Kind.INTERVIEW: (StepKind.INTERVIEW_REQUEST, *plans.REMINDERS, StepKind.THANKS),
}
#: What a member must have agreed to for a wave of this kind.
PURPOSES: Mapping[str, Purpose] = {
    Wave.Kind.SURVEY: Purpose.WAVES,
    Wave.Kind.PILOT: Purpose.WAVES,
    Wave.Kind.KEEP_IN_TOUCH: Purpose.KEEP_IN_TOUCH,
    Wave.Kind.INTERVIEW: Purpose.INTERVIEW,
}
#: Whom a step can be for, the usual one first.
CONDITIONS: Mapping[StepKind, Sequence[Condition]] = {
    StepKind.PRE_NOTIFICATION: (Condition.EVERYBODY,),
    StepKind.INVITATION: (Condition.EVERYBODY,),
    StepKind.INTERVIEW_REQUEST: (Condition.EVERYBODY,),
    StepKind.REMINDER: (Condition.NOT_STARTED, Condition.NOT_COMPLETED),
    StepKind.CONTINUE: (Condition.HALFWAY,),
    StepKind.THANKS: (Condition.COMPLETED,),
    StepKind.KEEP_IN_TOUCH: (Condition.EVERYBODY, Condition.COMPLETED, Condition.NOT_COMPLETED),
}
ONCE = frozenset(
    {StepKind.PRE_NOTIFICATION, StepKind.INVITATION, StepKind.INTERVIEW_REQUEST, StepKind.THANKS}
)


#: A letter so many days ahead of its wave announces nothing.
LONG_BEFORE = 365


class NotDrawn(TextChoices):
    """Why a member is not in a sample."""

    LEFT = "left", _("left the panel")
    NO_CONSENT = "no_consent", _("has not agreed to it")
    COHORT = "other_cohort", _("another cohort")
    LANGUAGE = "other_language", _("another language")
    PLACE = "other_place", _("another place")
    EARLIER = "earlier_wave", _("by what happened in an earlier wave")
    LOT = "not_by_lot", _("not drawn by lot")
    LATER = "joined_later", _("joined after the sample was drawn")


class Candidate(NamedTuple):
    """What decides on one member when a sample is drawn."""

    pk: UUID
    code: str
    status: str
    cohort: str
    language: str
    place: str


@dataclass(frozen=True)
class Frame:
    """What a plan is put into."""

    kind: str
    opens_at: datetime
    closes_at: datetime
    has_questions: bool


@dataclass(frozen=True)
class Limits:
    """The study's limits that a plan must keep to."""

    reminders_max: int
    gap_days: int


@dataclass(frozen=True)
class Known:
    """What a sample can name."""

    cohorts: Collection[str]
    languages: Collection[str]
    waves: Collection[str]
    events: Collection[str]


def check_change(now_is: str, to: Wave.Status) -> None:
    """Refuses a change of status that is not in the table."""
    if to not in TRANSITIONS[Wave.Status(now_is)]:
        sentence = _(
            "The wave is %(now)s and can't become %(to)s. Look at its page for what can be done now."
        )
        raise NotNow(sentence % {"now": Wave.Status(now_is).label, "to": to.label})


def check_plan(*, plan: Plan, frame: Frame, limits: Limits) -> None:
    """Refuses a plan whose steps don't go together, or that breaks the study's limits on contact."""
    if frame.closes_at <= frame.opens_at:
        raise BadInput(_("The wave closes before it opens: give a later closing time."))
    _check_kinds(plan, frame)
    for step in plan.steps:
        _check_step(step)
    _check_numbers(plan)
    _check_soft_launch(plan)
    _check_reminders(plan, limits)
    _check_close(plan, (frame.closes_at - frame.opens_at) / timedelta(days=1))


def _check_kinds(plan: Plan, frame: Frame) -> None:
    allowed = STEPS[frame.kind]
    if frame.has_questions != (frame.kind != Wave.Kind.KEEP_IN_TOUCH):
        raise BadInput(
            _("A wave that only keeps in touch asks no questions: leave the questionnaire out.")
            if frame.has_questions
            else _("Choose the questionnaire: only a wave that keeps in touch has none.")
        )
    if allowed[0] not in {step.kind for step in plan.steps}:
        raise BadInput(_("The plan lacks its main letter: %(letter)s.") % {"letter": allowed[0].label})
    for step in plan.steps:
        if step.kind not in allowed:
            sentence = _(
                "A wave of this kind (%(kind)s) sends no such letter: %(letter)s. Take the step out."
            )
            raise BadInput(sentence % {"kind": Wave.Kind(frame.kind).label, "letter": step.kind.label})


def _check_step(step: Step) -> None:
    names = {"letter": step.kind.label, "condition": step.to.label}
    if step.to not in CONDITIONS[step.kind]:
        sentence = _("This letter (%(letter)s) isn't for those (%(condition)s): choose another condition.")
        raise BadInput(sentence % names)
    if step.kind == StepKind.PRE_NOTIFICATION and not -LONG_BEFORE <= step.days < 0:
        raise BadInput(_("The pre-notification goes before the opening: give its days as a negative number."))
    if step.kind != StepKind.PRE_NOTIFICATION and step.days < 0:
        sentence = _("Only the pre-notification goes before the opening: %(letter)s needs days from 0 on.")
        raise BadInput(sentence % names)


def _check_numbers(plan: Plan) -> None:
    """Each letter once; the nth of its kind is a number, so that a changed plan knows what was sent."""
    for step in plan.steps:
        if [(one.kind, one.ordinal) for one in plan.steps].count((step.kind, step.ordinal)) > 1:
            sentence = _("The plan has the same letter twice: %(letter)s, number %(number)d.")
            raise BadInput(sentence % {"letter": step.kind.label, "number": step.ordinal})
        alike = {one.ordinal for one in plan.steps if plans.alike(one.kind, step.kind)}
        if alike != set(range(1, len(alike) + 1)):
            raise BadInput(_("Number the letters of a kind 1, 2 and so on."))
        if step.kind in ONCE and len(alike) > 1:
            raise BadInput(_("This letter goes once in a wave: %(letter)s.") % {"letter": step.kind.label})


def _check_reminders(plan: Plan, limits: Limits) -> None:
    days: dict[int, list[int]] = {0: [0]}
    for step in plan.steps:
        if step.kind in plans.REMINDERS:
            days.setdefault(step.ordinal, []).append(step.days)
    if len(days) - 1 > limits.reminders_max:
        sentence = _("The study allows %(max)d reminders in a wave: plan fewer.")
        raise BadInput(sentence % {"max": limits.reminders_max})
    for ordinal in range(1, len(days)):
        if min(days[ordinal]) - max(days[ordinal - 1]) < limits.gap_days:
            sentence = _("Reminders are at least %(gap)d days apart from each other and from the invitation.")
            raise BadInput(sentence % {"gap": limits.gap_days})


def _check_close(plan: Plan, lasts: float) -> None:
    """The last member of a soft launch counts: what comes after the close for them comes for nobody in time."""
    main = max((step.days for step in plan.steps if step.kind in plans.MAIN), default=0)
    wait = plan.soft_launch.days if plan.soft_launch else 0
    if main + wait >= lasts:
        raise BadInput(_("A letter would be due after the close: close later or send it earlier."))
    first = (plan.main.days if plan.main else 0) + wait
    last = max((step.days for step in plan.steps if step.kind in plans.REMINDERS), default=0)
    if first + last >= lasts:
        raise BadInput(_("A reminder would be due after the close: close later or plan fewer reminders."))
    if any(step.kind == StepKind.THANKS and step.days >= lasts for step in plan.steps):
        raise BadInput(_("A thank-you would be due after the close: send it earlier."))


def _check_soft_launch(plan: Plan) -> None:
    soft = plan.soft_launch
    if soft is None:
        return
    if soft.first < 1 or soft.days < 1 or not 0 <= soft.limit <= 1:
        raise BadInput(
            _(
                "A soft launch has a first part of one or more, a day or more, and a limit from 0 to 1 (0.05 is 5 %)."
            )
        )
    if any(step.kind == StepKind.PRE_NOTIFICATION for step in plan.steps):
        raise BadInput(
            _(
                "A soft launch has no pre-notification: it would go to all before it is known that letters arrive."
            )
        )


def check_sample(sample: Sample, known: Known) -> None:
    """Refuses a sample that names what there isn't: nobody would be drawn by it, or too many."""
    for sentence, named, there in (
        (_("The study has no cohort “%(name)s”. There are: %(known)s."), sample.cohorts, known.cohorts),
        (_("There is no place “%(name)s”. There are: %(known)s."), sample.places, PanelMember.Place.values),
        (
            _("No member has the language “%(name)s”. There are: %(known)s."),
            sample.languages,
            known.languages,
        ),
        (
            _("The study has no earlier wave “%(name)s”. There are: %(known)s."),
            [one.wave for one in (*sample.only, *sample.but)],
            known.waves,
        ),
        (
            _("Nothing is called “%(name)s” in a wave. There are: %(known)s."),
            [one.event for one in (*sample.only, *sample.but)],
            known.events,
        ),
    ):
        for name in named:
            if name not in there:
                raise BadInput(sentence % {"name": name, "known": ", ".join(sorted(there)) or "–"})
    if sample.at_most is not None and sample.at_most < 1:
        raise BadInput(_("A sample drawn by lot has one member or more."))


def not_drawn(
    member: Candidate, sample: Sample, *, agreed: bool, happened: Collection[Earlier]
) -> NotDrawn | None:
    """Why a member is not in the sample. Where a member lives has no part in it unless the plan names places:
    a leaver stays in (RES-05).
    """
    if member.status != PanelMember.Status.ACTIVE:
        return NotDrawn.LEFT
    if not agreed:
        return NotDrawn.NO_CONSENT
    if sample.cohorts and member.cohort not in sample.cohorts:
        return NotDrawn.COHORT
    if sample.languages and member.language not in sample.languages:
        return NotDrawn.LANGUAGE
    if sample.places and member.place not in sample.places:
        return NotDrawn.PLACE
    if not set(sample.only) <= set(happened) or set(sample.but) & set(happened):
        return NotDrawn.EARLIER
    return None


def drawn_by_lot(codes: Collection[str], number: int, seed: str, what: str) -> set[str]:
    """So many of these, the same ones for everybody who knows the seed."""
    return set(sorted(codes, key=lambda code: sha256(f"{seed}:{what}:{code}".encode()).digest())[:number])


def soft_launch_is_fine(soft: SoftLaunch, *, first: int, tried: int, failed: int) -> bool:
    """Whether the rest may follow by itself; not before half of the first letters were sent, or tried to be."""
    return tried > 0 and 2 * tried >= first and failed / tried <= soft.limit


def due_change(*, status: str, opens_at: datetime, closes_at: datetime, now: datetime) -> Wave.Status | None:
    """What the clock alone makes of a wave."""
    if status == Wave.Status.APPROVED and opens_at <= now:
        return Wave.Status.OPEN
    if status == Wave.Status.OPEN and closes_at <= now:
        return Wave.Status.CLOSED
    return None
