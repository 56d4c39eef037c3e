"""Reads on waves: how one stands, its rates. A constant number of queries, whatever the size of the
sample.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from panel.errors import NotFound
from panel.members.models import Study
from panel.waves import dispositions
from panel.waves import rates as formulas
from panel.waves.models import Case, CaseEvent, Wave

OSLO = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True)
class Day:
    """What happened on one day in Norway."""

    day: date
    invited: int = 0
    reminded: int = 0
    started: int = 0
    completed: int = 0


@dataclass(frozen=True)
class Progress:
    """How a wave stands: exact work counts, no breakdown by background, answer or residency (NEV-10)."""

    cases: int
    invited: int
    reminded: int
    started: int
    completes: int
    partials: int
    withdrawn: int
    bounced: int
    by_code: dict[str, int] = field(default_factory=dict)
    by_day: list[Day] = field(default_factory=list)


def wave(*, study: Study, name: str) -> Wave:
    """The study's wave of this name."""
    found = Wave.objects.select_related("instrument", "study").filter(study=study, name=name).first()
    if found is None:
        raise NotFound(_("The study has no wave of this name."))
    return found


def event_sets(wave: Wave) -> Counter[frozenset[str]]:
    """How many cases have each combination of kinds of events: one query, a few rows at most."""
    kinds = list(CaseEvent.Kind)
    has: dict[str, Any] = {
        f"has_{kind.value}": Exists(CaseEvent.objects.filter(case=OuterRef("pk"), kind=kind))
        for kind in kinds
    }
    rows = Case.objects.filter(wave=wave).annotate(**has).values(*has).annotate(number=Count("pk")).order_by()
    sets: Counter[frozenset[str]] = Counter()
    for row in rows:
        sets[frozenset(kind.value for kind in kinds if row[f"has_{kind.value}"])] += row["number"]
    return sets


def by_code(wave: Wave) -> Counter[str]:
    """Cases per AAPOR code, those of erased members included."""
    closed = wave.status == Wave.Status.CLOSED
    return dispositions.tally(event_sets(wave), erased=wave.erased, closed=closed)


def rates(wave: Wave) -> dict[str, float | None]:
    """The wave's outcome rates, on the panel's members in its sample; derived from events alone."""
    return formulas.rates(formulas.grouped(by_code(wave)))


def progress(wave: Wave) -> Progress:
    """Two queries. `invited` and `reminded` count cases written to; erased ones count by code."""
    sets = event_sets(wave)
    codes = dispositions.tally(sets, erased=wave.erased, closed=wave.status == Wave.Status.CLOSED)
    counts = formulas.grouped(codes)

    def having(kind: CaseEvent.Kind) -> int:
        return sum(number for kinds, number in sets.items() if kind in kinds)

    return Progress(
        cases=sum(codes.values()),
        invited=having(CaseEvent.Kind.INVITED),
        reminded=having(CaseEvent.Kind.REMINDED),
        started=having(CaseEvent.Kind.STARTED),
        completes=counts.I,
        partials=counts.P,
        withdrawn=having(CaseEvent.Kind.WITHDREW),
        bounced=having(CaseEvent.Kind.BOUNCED),
        by_code=dict(codes),
        by_day=_by_day(wave),
    )


def _by_day(wave: Wave) -> list[Day]:
    shown = {"invited", "reminded", "started", "completed"}
    rows = (
        CaseEvent.objects.filter(case__wave=wave, kind__in=shown)
        .values("kind", day=TruncDate("at", tzinfo=OSLO))
        .annotate(number=Count("pk"))
        .order_by("day")
    )
    days: dict[date, dict[str, int]] = {}
    for row in rows:
        days.setdefault(row["day"], {})[row["kind"]] = row["number"]
    return [Day(day=day, **numbers) for day, numbers in days.items()]


def codes_of(cases: Collection[Case], *, closed: bool) -> dict[UUID, str]:
    """The AAPOR code of each of these cases: one query."""
    kinds: dict[UUID, set[str]] = {case.pk: set() for case in cases}
    for case_id, kind in CaseEvent.objects.filter(case__in=kinds).values_list("case_id", "kind").distinct():
        kinds[case_id].add(kind)
    return {pk: dispositions.disposition(of_case, closed=closed).code.code for pk, of_case in kinds.items()}
