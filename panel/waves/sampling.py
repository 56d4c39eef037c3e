"""Who is in a wave's sample, and why not; drawing it, and drawing those who joined the panel since.

Not here: what a plan must keep to (rules.py), plans and their versions (services.py, plan_changes.py).
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from secrets import token_hex
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from consent import selectors as consent
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.sets import batched
from panel.waves import rules
from panel.waves.models import Case, CaseEvent, Wave
from panel.waves.plans import Earlier, Plan, Sample
from panel.waves.rules import Candidate, Known, NotDrawn

#: Rows per INSERT: few round trips, and no statement that holds a whole panel.
BATCH = 1000
FIRST, SAMPLE = "first", "sample"
TOO_LARGE = _("The soft launch is as large as the sample (%(count)d): plan fewer first, or none.")


def seeded(plan: Plan) -> Plan:
    """With the seed of what is drawn by lot, on record before anybody is drawn."""
    by_lot = plan.soft_launch or plan.sample.at_most is not None
    return replace(plan, seed=token_hex(16)) if by_lot and not plan.seed else plan


def known(study: Study, *, but: Wave | None = None) -> Known:
    """What a sample of this study can name."""
    members = PanelMember.objects.filter(study=study)
    waves = study.waves.exclude(pk=but.pk) if but else study.waves.all()
    return Known(
        cohorts=set(members.values_list("cohort", flat=True).distinct()),
        languages={*study.languages, *members.values_list("language", flat=True).distinct()},
        waves=set(waves.values_list("name", flat=True)),
        events=set(CaseEvent.Kind.values),
    )


def looked_at(
    study: Study, kind: str, plan: Plan, agreed: Container[str] | None = None
) -> Iterator[tuple[Candidate, NotDrawn | None]]:
    """Each member with the reason why the plan's sample leaves them out, if any. `agreed`: codes, where known."""
    if agreed is None:
        agreed = consent.holding(study_key=study.key, subjects=None, purpose=rules.PURPOSES[kind])
    happened = _happened(study, plan.sample)
    rows = PanelMember.objects.filter(study=study).order_by("code").values_list(*Candidate._fields)
    found = [
        (
            one,
            rules.not_drawn(one, plan.sample, agreed=one.code in agreed, happened=happened.get(one.pk, ())),
        )
        for one in map(Candidate._make, rows.iterator(chunk_size=BATCH))
    ]
    lot = _lot((one.code for one, why in found if why is None), plan)
    for one, why in found:
        yield one, why if why or lot is None or one.code in lot else NotDrawn.LOT


def _lot(codes: Iterable[str], plan: Plan) -> set[str] | None:
    """Who is drawn, where so many are drawn by lot."""
    if plan.sample.at_most is None:
        return None
    return rules.drawn_by_lot(list(codes), plan.sample.at_most, plan.seed, SAMPLE)


def _happened(study: Study, sample: Sample) -> Mapping[UUID, set[Earlier]]:
    """What of what the sample asks about happened to whom in earlier waves; one query each."""
    found: dict[UUID, set[Earlier]] = {}
    for earlier in {*sample.only, *sample.but}:
        events = CaseEvent.objects.filter(
            case__wave__study=study, case__wave__name=earlier.wave, kind=earlier.event
        )
        for member in events.values_list("case__member", flat=True).distinct().iterator():
            found.setdefault(member, set()).add(earlier)
    return found


def draw(wave: Wave) -> int:
    """One case for each member of the sample; joins the caller's transaction."""
    plan = wave.planned
    sample = [one for one, why in looked_at(wave.study, wave.kind, plan) if why is None]
    if plan.soft_launch and sample and plan.soft_launch.first >= len(sample):
        raise NotNow(TOO_LARGE % {"count": len(sample)})
    first = first_of(plan, [one.code for one in sample])
    return _store(
        Case(wave=wave, member_id=one.pk, first_batch=first is None or one.code in first) for one in sample
    )


def first_of(plan: Plan, codes: list[str]) -> set[str] | None:
    """Whose letters a soft launch sends first; None where there is none."""
    if plan.soft_launch is None:
        return None
    return rules.drawn_by_lot(codes, plan.soft_launch.first, plan.seed, FIRST)


def draw_first(wave: Wave) -> None:
    """Draws anew whose letters go first, before any went; joins the caller's transaction."""
    codes = dict(wave.cases.values_list("member__code", "pk"))
    soft = wave.planned.soft_launch
    if soft and soft.first >= len(codes):
        raise NotNow(TOO_LARGE % {"count": len(codes)})
    first = first_of(wave.planned, list(codes))
    wave.cases.update(first_batch=first is None)
    for some in batched([codes[code] for code in first or ()], BATCH):
        Case.objects.filter(pk__in=some).update(first_batch=True)


def _store(cases: Iterable[Case]) -> int:
    return sum(len(Case.objects.bulk_create(some)) for some in batched(cases, BATCH))


@transaction.atomic
def draw_newcomers(*, by: Actor, wave: Wave, now: datetime) -> int:
    """Draws who fits the plan's sample and joined, or agreed, after it was drawn. Returns how many.

    Their letters count from today as the others' from the opening.
    """
    permissions.check(by, wave.study, Verb.APPROVE_WAVE)
    locked = Wave.objects.select_for_update().get(pk=wave.pk)
    if locked.status not in (Wave.Status.APPROVED, Wave.Status.OPEN) or locked.closes_at <= now:
        raise NotNow(_("Newcomers are drawn into a wave that is approved or open."))
    added = add_missing(locked)
    if not added:
        raise NotNow(_("Nobody has joined since whom the plan's sample names."))
    audit.record(
        by=by, verb="wave.newcomers_drawn", now=now, study=wave.study.slug, subject=wave.name,
        detail={"cases": added},
    )  # fmt: skip
    return added


def add_missing(wave: Wave) -> int:
    """Cases for who fits the sample and has none; joins the caller's transaction."""
    plan = wave.planned
    if plan.sample.at_most is not None:
        raise NotNow(_("This sample was drawn by lot, once: nobody is added to it."))
    there = set(wave.cases.values_list("member", flat=True))
    fit = (one for one, why in looked_at(wave.study, wave.kind, plan) if why is None and one.pk not in there)
    held_back = plan.soft_launch is not None and wave.rest_released_at is None
    return _store(Case(wave=wave, member_id=one.pk, first_batch=not held_back) for one in fit)
