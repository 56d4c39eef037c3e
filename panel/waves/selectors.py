"""Reads on waves: how one stands, day by day and by AAPOR code. A constant number of queries, whatever the size
of the sample. Its rates are outcomes.py.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case as Choice
from django.db.models import (
    Count,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncDate
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotFound
from panel.members.models import Study
from panel.waves import dispositions
from panel.waves import rates as formulas
from panel.waves.dispositions import LAST, RULINGS, Tally
from panel.waves.models import Case, CaseEvent, Wave

Kind = CaseEvent.Kind
OSLO = ZoneInfo("Europe/Oslo")

#: Events that tell of a letter that went out.
LETTERS = (
    Kind.PRE_NOTIFIED,
    Kind.INVITED,
    Kind.REMINDED,
    Kind.CONTINUED,
    Kind.THANKED,
    Kind.KEPT_IN_TOUCH,
    Kind.ASKED_INTERVIEW,
)
#: Kinds that a day is counted by; all other letters go into `letters` alone.
BY_DAY = (Kind.INVITED, Kind.REMINDED, Kind.STARTED, Kind.COMPLETED)


@dataclass(frozen=True)
class Day:
    """What happened on one day in Norway; `letters` are all that went out, invitations and reminders too."""

    day: date
    letters: int = 0
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
    tally: Tally
    by_day: list[Day] = field(default_factory=list)

    @property
    def by_code(self) -> dict[str, int]:
        """Cases per AAPOR code."""
        return dict(self.tally.by_code)


def wave(*, study: Study | None, name: str) -> Wave:
    """The study's wave of this name; without a study the only one that is called so."""
    named = Wave.objects.select_related("instrument", "study").filter(name=name)
    found = list(named.filter(study=study) if study else named[:2])
    if not found:
        raise NotFound(
            _("The study has no wave of this name.") if study else _("No study has a wave of this name.")
        )
    if len(found) > 1:
        raise BadInput(_("Several studies have a wave of this name: name the study before it."))
    return found[0]


def ranked(wave: Wave) -> QuerySet[Case, Any]:
    """The wave's cases, each with `rank`: the first of the rulings that one of its events falls under."""
    whens = [When(events__kind=ruling.kind, then=Value(at)) for at, ruling in enumerate(RULINGS)]
    rank = Min(Choice(*whens, default=Value(LAST), output_field=IntegerField()))
    return Case.objects.filter(wave=wave).values("pk").annotate(rank=rank).order_by()


def tally(wave: Wave) -> Tally:
    """Cases per AAPOR code, those of erased members included: one query."""
    return _tally(wave, ranked(wave).aggregate(**_ranks()))


def by_code(wave: Wave) -> Counter[str]:
    """Cases per AAPOR code."""
    return tally(wave).by_code


def invited(wave: Wave, *, here: int | None = None) -> int:
    """How many cases got an invitation; of erased ones those whose code tells of a letter.

    `here` is how many of those that are still here did, if that was counted already.
    """
    if here is None:
        here = wave.cases.filter(events__kind=Kind.INVITED).values("pk").distinct().count()
    return here + sum(int(number) for code, number in wave.erased.items() if code != dispositions.OTHERWISE)


def counted() -> dict[str, Coalesce]:
    """For a list of waves: how many cases each has, and how many of these completed."""
    done = CaseEvent.objects.filter(case__wave=OuterRef("pk"), kind=Kind.COMPLETED).values("case__wave")
    here = Case.objects.filter(wave=OuterRef("pk")).values("wave")
    return {
        "drawn": Coalesce(Subquery(here.annotate(number=Count("pk")).values("number")), 0),
        "completed": Coalesce(
            Subquery(done.annotate(number=Count("case", distinct=True)).values("number")), 0
        ),
    }


def progress(wave: Wave) -> Progress:
    """Two queries. Numbers of cases that had an event leave out erased members, who count by code alone."""
    kinds = (Kind.INVITED, Kind.REMINDED, Kind.STARTED, Kind.WITHDREW, Kind.BOUNCED)
    had = {f"had_{kind}": Max(_one(Q(events__kind=kind))) for kind in kinds}
    sums = {f"sum_{kind}": Sum(f"had_{kind}", default=0) for kind in kinds}
    found = ranked(wave).annotate(**had).aggregate(**_ranks(), **sums)
    told = _tally(wave, found)
    counts = formulas.grouped(told.by_code)
    return Progress(
        cases=told.by_code.total(),
        invited=found[f"sum_{Kind.INVITED}"],
        reminded=found[f"sum_{Kind.REMINDED}"],
        started=found[f"sum_{Kind.STARTED}"],
        completes=counts.I,
        partials=counts.P,
        withdrawn=found[f"sum_{Kind.WITHDREW}"],
        bounced=found[f"sum_{Kind.BOUNCED}"],
        tally=told,
        by_day=_by_day(wave),
    )


def _one(condition: Q) -> Choice:
    return Choice(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def _ranks() -> dict[str, Count]:
    return {f"rank_{at}": Count("pk", filter=Q(rank=at)) for at in range(LAST + 1)}


def _tally(wave: Wave, found: dict[str, int]) -> Tally:
    ranks = {at: found[f"rank_{at}"] for at in range(LAST + 1)}
    return dispositions.tally(ranks, erased=wave.erased, closed=wave.status == Wave.Status.CLOSED)


def _by_day(wave: Wave) -> list[Day]:
    rows = (
        CaseEvent.objects.filter(case__wave=wave, kind__in={*LETTERS, *BY_DAY})
        .values("kind", day=TruncDate("at", tzinfo=OSLO))
        .annotate(number=Count("pk"))
        .order_by("day")
    )
    days: dict[date, Counter[str]] = {}
    for row in rows:
        counted = days.setdefault(row["day"], Counter())
        if row["kind"] in BY_DAY:
            counted[row["kind"]] += row["number"]
        if row["kind"] in LETTERS:
            counted["letters"] += row["number"]
    return [Day(day=day, **counted) for day, counted in days.items()]


def codes_of(cases: Collection[Case], *, closed: bool) -> dict[UUID, str]:
    """The AAPOR code of each of these cases: one query."""
    kinds: dict[UUID, set[str]] = {case.pk: set() for case in cases}
    for case_id, kind in CaseEvent.objects.filter(case__in=kinds).values_list("case_id", "kind").distinct():
        kinds[case_id].add(kind)
    return {pk: dispositions.disposition(of_case, closed=closed).code.code for pk, of_case in kinds.items()}
