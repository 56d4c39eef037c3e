"""Writes on waves: plan, approve (draw the sample), open, close, lift the hours, note what happened in a
case.

Not here: letters (panel/invitations) and answers (panel/responses); both leave their events through this
module.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel import sets, words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.instruments.models import InstrumentVersion
from panel.members import permissions, setup
from panel.members import services as members
from panel.members.models import PanelMember, Study, StudyDecision
from panel.members.rules import Verb
from panel.waves import rules, sampling, selectors
from panel.waves.models import Case, CaseEvent, PlanVersion, Wave
from panel.waves.plans import Plan, usual_plan

#: Rows per INSERT: few round trips, and no statement that holds a whole panel.
BATCH = 1000
#: What the audit says of a change that the clock makes.
TURNED = {Wave.Status.OPEN: "wave.opened", Wave.Status.CLOSED: "wave.closed"}


@transaction.atomic
def plan_wave(
    *,
    by: Actor,
    study: Study,
    name: str,
    number: int,
    instrument: InstrumentVersion | None,
    opens_at: datetime,
    closes_at: datetime,
    reminder_days: Sequence[int] = (),
    cohorts: Sequence[str] = (),
    plan: Plan | None = None,
    kind: Wave.Kind = Wave.Kind.SURVEY,
    now: datetime,
) -> Wave:
    """Plans a wave; nobody is drawn and nothing is sent before it is approved.

    Without a `plan` it is the usual one: an invitation, and a reminder on each of `reminder_days`.
    """
    permissions.check(by, study, Verb.PLAN_WAVE)
    setup.check_running(study)
    plan = check_plan(
        study=study,
        plan=plan or usual_plan(reminder_days=reminder_days, cohorts=cohorts),
        frame=rules.Frame(kind, opens_at, closes_at, instrument is not None),
    )
    _check_new(study, name, number, instrument)
    wave = Wave(
        study=study,
        name=name,
        number=number,
        instrument=instrument,
        opens_at=opens_at,
        closes_at=closes_at,
        kind=kind,
        plan=plan.as_json(),
    )
    _checked(wave).save(force_insert=True)
    _first_version(by, wave, now)
    _note(by, wave, "wave.planned", now, {"opens": opens_at.isoformat(), "closes": closes_at.isoformat()})
    return wave


def _check_new(study: Study, name: str, number: int, instrument: InstrumentVersion | None) -> None:
    if number < 1:
        raise BadInput(_("Wave 0 is the recruitment: give a number from 1 on."))
    if instrument and instrument.instrument.study_id != study.pk:
        raise BadInput(_("The questionnaire belongs to another study."))
    if study.members.filter(cohort=name).exists():
        raise BadInput(_("A cohort has this name, and its recruitment is released under it: choose another."))
    if study.waves.filter(name=name).exists() or study.waves.filter(number=number).exists():
        raise BadInput(_("The study already has a wave of this name or number: choose another."))


def _first_version(by: Actor, wave: Wave, now: datetime) -> None:
    PlanVersion.objects.create(
        wave=wave,
        number=wave.plan_number,
        state=PlanVersion.State.IN_FORCE,
        opens_at=wave.opens_at,
        closes_at=wave.closes_at,
        instrument=wave.instrument,
        plan=wave.plan,
        made_by=by.name,
        made_at=now,
    )


def check_plan(*, study: Study, plan: Plan, frame: rules.Frame, wave: Wave | None = None) -> Plan:
    """The plan as it is stored, its seed on record; refused where it breaks a rule or names what there isn't."""
    limits = rules.Limits(study.reminders_max, study.reminder_gap_days)
    rules.check_plan(plan=plan, frame=frame, limits=limits)
    rules.check_sample(plan.sample, sampling.known(study, but=wave))
    return sampling.seeded(plan)


@transaction.atomic
def approve_wave(*, by: Actor, wave: Wave, now: datetime) -> int:
    """Approves a plan and draws its sample: one case for each eligible member. Returns how many."""
    permissions.check(by, wave.study, Verb.APPROVE_WAVE)
    if wave.closes_at <= now:
        raise NotNow(_("The wave's closing time is past: plan it anew."))
    if wave.instrument and wave.instrument.status != InstrumentVersion.Status.APPROVED:
        raise NotNow(_("The questionnaire isn't approved: approve its version first."))
    _change(wave, Wave.Status.APPROVED)
    drawn = sampling.draw(wave)
    if not drawn:
        raise NotNow(_("Nobody would be in the sample: check whom the plan asks."))
    wave.in_panel = _in_panel(wave)
    wave.save(update_fields=["in_panel"])
    version = wave.versions.filter(state=PlanVersion.State.IN_FORCE)
    version.update(decided_by=by.name, decided_at=now)
    _note(by, wave, "wave.approved", now, {"cases": drawn, "seed": wave.planned.seed})
    return drawn


@transaction.atomic
def lift_hours(*, by: Actor, wave: Wave, reason: str, now: datetime) -> None:
    """Lets this wave's letters go at any hour, by a recorded decision with its reason."""
    if wave.status == Wave.Status.CLOSED:
        raise NotNow(_("The wave is closed: no letter of it will be sent."))
    members.decide(
        by=by,
        study=wave.study,
        setting=StudyDecision.Setting.HOURS_LIFTED,
        about=wave.name,
        reason=reason,
        now=now,
    )
    wave.hours_lifted = True
    wave.save(update_fields=["hours_lifted"])
    _note(by, wave, "wave.hours_lifted", now)


@transaction.atomic
def release_rest(*, by: Actor, wave: Wave, reason: str, now: datetime) -> None:
    """After a soft launch the rest gets its letters: by itself when few failed, else by a person, with a reason."""
    permissions.check(by, wave.study, Verb.APPROVE_WAVE)
    why = words.reason(reason)
    held = Wave.objects.filter(pk=wave.pk, status=Wave.Status.OPEN, rest_released_at=None, closes_at__gt=now)
    if wave.planned.soft_launch is None or not held.update(rest_released_at=now):
        raise NotNow(_("No rest of a soft launch waits in this wave."))
    wave.rest_released_at = now
    _note(by, wave, "wave.rest_released", now, {"reason": why})


def turn(*, now: datetime) -> int:
    """Opens and closes what is due. Returns the number of changes."""
    changed = 0
    for wave in Wave.objects.filter(status__in=(Wave.Status.APPROVED, Wave.Status.OPEN)).select_related(
        "study"
    ):
        # A wave whose whole period went by unseen opens and closes in one go.
        while to := rules.due_change(
            status=wave.status, opens_at=wave.opens_at, closes_at=wave.closes_at, now=now
        ):
            changed += _turn_one(wave, to, now)
    return changed


@transaction.atomic
def close_wave(*, by: Actor, wave: Wave, now: datetime) -> None:
    """Closes an open wave before its time: from now on nothing is sent and its links say thanks."""
    permissions.check(by, wave.study, Verb.APPROVE_WAVE)
    _change(wave, Wave.Status.CLOSED)
    wave.closes_at = max(now, wave.opens_at + timedelta(seconds=1))
    wave.save(update_fields=["closes_at"])
    _note(by, wave, "wave.closed", now)


def record_event(*, case: Case, kind: CaseEvent.Kind, at: datetime) -> None:
    """Notes one event; joins the caller's transaction."""
    CaseEvent.objects.create(case=case, kind=kind, at=at)


def record_events(*, cases: Iterable[Case], kind: CaseEvent.Kind, at: datetime) -> int:
    """Notes the same event for many cases, in sets; joins the caller's transaction."""
    events = [(case.pk, kind.value, at) for case in cases]
    sets.insert(CaseEvent, ("case_id", "kind", "at"), events)
    return len(events)


def retract_events(*, cases: Collection[Case], kind: CaseEvent.Kind, at: datetime) -> int:
    """Takes back what a member took back: else a stop's event would go on deciding the case."""
    return CaseEvent.objects.filter(case__in=cases, kind=kind, at=at).delete()[0]


@transaction.atomic
def keep_dispositions(*, cases: Collection[Case]) -> None:
    """Adds the codes of cases that are about to be erased to their waves' counts, so that rates stay true."""
    by_wave: dict[Wave, list[Case]] = {}
    for case in cases:
        by_wave.setdefault(case.wave, []).append(case)
    for wave, of_wave in by_wave.items():
        locked = Wave.objects.select_for_update().get(pk=wave.pk)
        codes = selectors.codes_of(of_wave, closed=locked.status == Wave.Status.CLOSED)
        locked.erased = dict(Counter(locked.erased) + Counter(codes.values()))
        locked.save(update_fields=["erased"])


def _checked(wave: Wave) -> Wave:
    """Its name and number as the database takes them; the rest is checked by rules."""
    try:
        wave.clean_fields(exclude=["study", "instrument", "plan", "erased"])
    except ValidationError as error:
        raise BadInput("; ".join(error.messages)) from error
    return wave


def _in_panel(wave: Wave) -> int:
    """Who of the sample's cohorts is still in the panel: what cumulative rates are on from here."""
    here = PanelMember.objects.filter(study=wave.study, status=PanelMember.Status.ACTIVE)
    cohorts = wave.planned.sample.cohorts
    return (here.filter(cohort__in=cohorts) if cohorts else here).count()


def _change(wave: Wave, to: Wave.Status) -> None:
    """A person's change: of two who do it at once, one is refused."""
    if not _move(wave, to):
        raise NotNow(_("Somebody changed the wave a moment ago: load its page again."))
    wave.status = to


def _move(wave: Wave, to: Wave.Status) -> int:
    """Compare-and-set along the table; 0 if somebody was quicker."""
    rules.check_change(wave.status, to)
    return Wave.objects.filter(pk=wave.pk, status=wave.status).update(status=to)


@transaction.atomic
def _turn_one(wave: Wave, to: Wave.Status, now: datetime) -> int:
    changed = _move(wave, to)
    wave.status = to
    if changed:
        _note(Actor.system("clock"), wave, TURNED[to], now)
    return changed


def _note(by: Actor, wave: Wave, verb: str, now: datetime, detail: dict[str, object] | None = None) -> None:
    audit.record(by=by, verb=verb, now=now, study=wave.study.slug, subject=wave.name, detail=detail)
