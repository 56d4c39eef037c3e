"""A wave's changed plan: proposed as a version, then put in force or dropped; whether a change may be at all.

Not here: what becomes of letters that wait (panel/invitations/planning.py), whom a change moves (differences.py there).
"""

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.instruments.models import InstrumentVersion
from panel.members import permissions
from panel.members.rules import Verb
from panel.waves import rules, sampling, services
from panel.waves.models import CaseEvent, PlanVersion, Wave
from panel.waves.plans import Plan, Sample

State = PlanVersion.State
DRAWN = (Wave.Status.APPROVED, Wave.Status.OPEN)
FRAME = ("opens_at", "closes_at", "instrument", "plan")


@transaction.atomic
def propose_change(
    *,
    by: Actor,
    wave: Wave,
    plan: Plan,
    opens_at: datetime,
    closes_at: datetime,
    instrument: InstrumentVersion | None = None,
    now: datetime,
) -> PlanVersion:
    """A changed plan, as a version that nobody follows yet. Without an `instrument` it asks what it asked."""
    permissions.check(by, wave.study, Verb.PLAN_WAVE)
    held = _locked(wave)
    if held.versions.filter(state=State.PROPOSED, number__gt=held.plan_number).exists():
        raise NotNow(_("A change of this plan is proposed already: apply or drop it first."))
    proposed = PlanVersion(
        wave=held,
        number=_last_number(held) + 1,
        opens_at=opens_at,
        closes_at=closes_at,
        instrument=instrument or held.instrument,
        made_by=by.name,
        made_at=now,
    )
    proposed.plan = _checked(
        held, replace(plan, seed=plan.seed or held.planned.seed), proposed, now
    ).as_json()
    if all(getattr(proposed, name) == getattr(held, name) for name in FRAME):
        raise BadInput(_("Nothing is changed: the plan in force says the same."))
    proposed.save(force_insert=True)
    _note(by, held, "plan.proposed", now, proposed)
    return proposed


@transaction.atomic
def drop_change(*, by: Actor, version: PlanVersion, now: datetime) -> None:
    """A proposal that isn't followed."""
    if not permissions.may(by, version.wave.study, Verb.PLAN_WAVE):
        permissions.check(by, version.wave.study, Verb.APPROVE_WAVE)
    _decide(version, State.DROPPED, by, now)
    _note(by, version.wave, "plan.dropped", now, version)


def put_in_force(*, by: Actor, version: PlanVersion, plan: Plan, now: datetime) -> Wave:
    """The proposal takes the plan's place, with `plan` as its letters are by now; joins the caller's transaction.

    Refused if the plan in force is another than the one it was made from.
    """
    permissions.check(by, version.wave.study, Verb.APPROVE_WAVE)
    wave = _locked(version.wave)
    if version.number < wave.plan_number:
        raise NotNow(_("The plan was changed meanwhile: drop this change and propose it anew."))
    _checked(wave, plan, version, now)
    before = wave.planned
    wave.versions.filter(state=State.IN_FORCE).update(state=State.REPLACED)
    _decide(version, State.IN_FORCE, by, now, plan=plan.as_json())
    wave.opens_at, wave.closes_at, wave.instrument = version.opens_at, version.closes_at, version.instrument
    wave.plan, wave.plan_number = plan.as_json(), version.number
    wave.save(update_fields=[*FRAME, "plan_number"])
    added = _redraw(wave, before, now) if wave.status in DRAWN else 0
    _note(by, wave, "plan.applied", now, version, added=added)
    return wave


def closing_later(*, by: Actor, wave: Wave, closes_at: datetime, plan: Plan, now: datetime) -> Wave:
    """The plan as it is with a later close, proposed and in force at once; joins the caller's transaction."""
    permissions.check(by, wave.study, Verb.APPROVE_WAVE)
    held = _locked(wave)
    if held.status not in DRAWN:
        raise NotNow(_("The close is put off in a wave that is approved or open; else change its plan."))
    if held.closes_at <= now:  # its letters are being called off at this moment
        raise NotNow(_("The wave’s closing time is past: it is being closed."))
    if closes_at <= held.closes_at:
        raise BadInput(_("Give a closing time that is later than the one there is."))
    version = PlanVersion.objects.create(
        wave=held, number=_last_number(held) + 1, opens_at=held.opens_at, closes_at=closes_at,
        instrument=held.instrument, plan=held.plan, made_by=by.name, made_at=now,
    )  # fmt: skip
    return put_in_force(by=by, version=version, plan=plan, now=now)


def _locked(wave: Wave) -> Wave:
    held = Wave.objects.select_for_update(of=("self",)).select_related("study", "instrument").get(pk=wave.pk)
    if held.status == Wave.Status.CLOSED:
        raise NotNow(_("The wave is closed: its plan can't be changed any more."))
    return held


def _last_number(wave: Wave) -> int:
    return max(wave.versions.values_list("number", flat=True), default=wave.plan_number)


def _checked(wave: Wave, plan: Plan, version: PlanVersion, now: datetime) -> Plan:
    """The plan as it is stored; refused where it breaks a rule, or changes what can't be changed any more."""
    frame = rules.Frame(wave.kind, version.opens_at, version.closes_at, version.instrument is not None)
    plan = services.check_plan(study=wave.study, plan=plan, frame=frame, wave=wave)
    if version.closes_at <= now:
        raise BadInput(_("The new closing time is past: give a later one, or close the wave."))
    if version.instrument and version.instrument.instrument.study_id != wave.study_id:
        raise BadInput(_("The questionnaire belongs to another study."))
    if wave.status in DRAWN:
        _check_drawn(wave, plan, version, now)
    return plan


def _check_drawn(wave: Wave, plan: Plan, version: PlanVersion, now: datetime) -> None:
    """Once a sample is drawn some things stand."""
    if version.opens_at != wave.opens_at and (wave.status == Wave.Status.OPEN or version.opens_at <= now):
        raise BadInput(_("The opening can be moved only as long as it lies ahead, and only to a time ahead."))
    if version.instrument_id != wave.instrument_id:
        _check_instrument(wave, version)
    before, after = wave.planned, plan
    soft, new = before.soft_launch, after.soft_launch
    if wave.status == Wave.Status.OPEN and new and (soft is None or new.first != soft.first):
        raise BadInput(_("In an open wave a soft launch can be dropped, or wait longer; nothing else of it."))
    if after.seed != before.seed and before.seed:
        raise BadInput(_("What was drawn by lot stays: leave the plan's seed as it is."))
    if after.sample.at_most != before.sample.at_most:
        raise BadInput(_("The sample is drawn: how many are drawn by lot can't be changed any more."))
    if after.sample != before.sample and _narrows(wave, before.sample, after.sample):
        raise BadInput(_("The sample is drawn: a change can add people to it, and takes nobody out."))


def _check_instrument(wave: Wave, version: PlanVersion) -> None:
    if CaseEvent.objects.filter(case__wave=wave, kind=CaseEvent.Kind.STARTED).exists():
        raise BadInput(_("Somebody has begun to answer: the questionnaire can't be changed any more."))
    if version.instrument and version.instrument.status != InstrumentVersion.Status.APPROVED:
        raise NotNow(_("The questionnaire isn't approved: approve its version first."))


def _narrows(wave: Wave, before: Sample, after: Sample) -> bool:
    """Whether somebody who is in the sample by the old plan would not be by the new one."""
    drawn = set(wave.cases.values_list("member", flat=True))

    def in_it(sample: Sample) -> set[object]:
        plan = Plan(steps=(), sample=replace(sample, at_most=None))
        looked_at = sampling.looked_at(wave.study, wave.kind, plan)
        return {one.pk for one, why in looked_at if why is None and one.pk in drawn}

    return not in_it(before) <= in_it(after)


def _redraw(wave: Wave, before: Plan, now: datetime) -> int:
    """What the change means for who is drawn, and for who goes first. Returns how many were added."""
    plan = wave.planned
    added = sampling.add_missing(wave) if plan.sample != before.sample else 0
    if wave.status == Wave.Status.APPROVED and plan.soft_launch != before.soft_launch:
        sampling.draw_first(wave)
    elif before.soft_launch and plan.soft_launch is None and wave.rest_released_at is None:
        wave.rest_released_at = now
        wave.save(update_fields=["rest_released_at"])
    return added


def _decide(version: PlanVersion, to: State, by: Actor, now: datetime, **values: object) -> None:
    """Compare-and-set: of two who decide, one is refused."""
    decided = PlanVersion.objects.filter(pk=version.pk, state=State.PROPOSED).update(
        state=to, decided_by=by.name, decided_at=now, **values
    )
    if not decided:
        raise NotNow(_("This change was applied or dropped already: load the wave's page again."))
    version.state, version.decided_by, version.decided_at = to, by.name, now


def _note(by: Actor, wave: Wave, verb: str, now: datetime, version: PlanVersion, **more: object) -> None:
    closes = version.closes_at.isoformat()
    detail = {"version": version.number, "opens": version.opens_at.isoformat(), "closes": closes, **more}
    audit.record(by=by, verb=verb, now=now, study=wave.study.slug, subject=wave.name, detail=detail)
