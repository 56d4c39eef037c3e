"""What came of a wave, as others are told: codes, all rates, by group above the threshold, over the waves.

Derived from events at the moment of reading; nothing of it is stored. Place is no way to break a wave down: who
left is known only of those who told, and too few to be a group of a rate (releases have tables for them).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.members import cohorts
from panel.members.cohorts import Recruited
from panel.members.models import Study
from panel.threshold import breakdown, k_of
from panel.waves import dispositions, selectors
from panel.waves import rates as formulas
from panel.waves.dispositions import Group, Tally
from panel.waves.models import Wave
from panel.waves.rates import Counts, Evenness, Rate

#: What a wave may be broken down by, and where that stands.
BY = {"cohort": "member__cohort", "language": "member__language"}
#: The group of those whose cohort and language went with an erasure.
ERASED = "erased"
#: In this order groups of dispositions are told apart in a breakdown; who isn't eligible stands in no rate.
ORDER = tuple(group.value for group in Group if group != Group.NOT_ELIGIBLE)


@dataclass(frozen=True)
class Outcome:
    """A wave's codes and rates, on the panel's members in its sample."""

    tally: Tally
    counts: Counts
    e: Rate
    rates: dict[str, Rate]


def outcome(wave: Wave) -> Outcome:
    """All of it: one query."""
    _check_asks(wave)
    return outcome_of(selectors.tally(wave))


def outcome_of(tally: Tally) -> Outcome:
    """From codes that were counted already."""
    counts = formulas.grouped(tally.by_code)
    return Outcome(tally, counts, formulas.eligibility(counts), formulas.rates(counts))


def rates(wave: Wave) -> dict[str, Rate]:
    """The wave's outcome rates."""
    return outcome(wave).rates


@dataclass(frozen=True)
class GroupRates:
    """One line of a breakdown: its groups, how many eligible cases, each rate that may be told of it."""

    groups: tuple[str, ...]
    cases: int
    rates: dict[str, Rate | None]


def by_group(wave: Wave, variable: str) -> list[GroupRates]:
    """The rates of each group above the threshold (NEV-10, SDC-10), small ones together; [] if none may be told."""
    if variable not in BY:
        raise BadInput(_("Rates are broken down by %(known)s.") % {"known": ", ".join(BY)})
    e = outcome(wave).e.value or 0
    lines = breakdown(_groups(wave, BY[variable]), order=ORDER, k=k_of(wave.study.disclosure))
    return [GroupRates(line.groups, line.base, formulas.rates_of(line.count, e=e)) for line in lines]


def evenness(groups: Sequence[GroupRates]) -> Evenness | None:
    """How evenly the groups that may be told answered; a single number, of completes."""
    return formulas.evenness([rate for group in groups if (rate := group.rates["RR5"])])


def _groups(wave: Wave, column: str) -> dict[str, dict[str, int]]:
    """Counts by letter for each group, eligible cases only: those are what rates are of."""
    closed = wave.status == Wave.Status.CLOSED
    ranks: dict[str, Counter[int]] = {}
    rows = selectors.ranked(wave).values_list(column, "rank")
    for name, rank in rows.iterator(chunk_size=5000):
        ranks.setdefault(name, Counter())[rank] += 1
    tallies = {name: dispositions.tally(found, erased={}, closed=closed) for name, found in ranks.items()}
    tallies[ERASED] = dispositions.tally({}, erased=wave.erased, closed=closed)
    return {name: _letters(each) for name, each in tallies.items()}


def _letters(tally: Tally) -> dict[str, int]:
    letters = formulas.grouped(tally.by_code).as_json()
    return {letter: letters[letter] for letter in ORDER}


def _check_asks(wave: Wave) -> None:
    if wave.kind == Wave.Kind.KEEP_IN_TOUCH:
        raise NotNow(_("This wave only keeps in touch: it asks nothing, so it has no outcome rates."))


@dataclass(frozen=True)
class Recruitment:
    """Wave 0 of some cohorts. Open recruitment has a participation rate; it never has a response rate."""

    recruited: Recruited
    cohorts: tuple[str, ...]

    @property
    def rate(self) -> Rate | None:
        """Answers of those who were asked (or, of an open call, of those who began); None where nobody knows."""
        asked = self.recruited.approached
        return None if asked is None else Rate(self.recruited.answered, asked)

    @property
    def profile(self) -> Rate:
        """Of those who answered, who became members with all that a member has."""
        return Rate(self.recruited.joined, self.recruited.answered)


def recruitment(study: Study, name: str) -> Recruitment | None:
    """Of one cohort, or of all where the name is 0, the number of the recruitment; None for another name."""
    known = study.cohorts.order_by("name").values_list("name", flat=True)
    names = tuple(known) if name == "0" else tuple(known.filter(name=name))
    return Recruitment(cohorts.recruited(study, names), names) if names else None


@dataclass(frozen=True)
class Way:
    """A wave's completion carried back to the recruitment, with the panel's losses up to its sample."""

    wave: str
    recruitment: Recruitment
    completion: Rate
    retention: Rate

    @property
    def stages(self) -> dict[str, Rate | None]:
        """In their order; recruitment is None where it was open, or nobody knows how many were asked."""
        first = None if self.recruitment.recruited.is_open else self.recruitment.rate
        return {
            "recruitment": first,
            "profile": self.recruitment.profile,
            "retention": self.retention,
            "completion": self.completion,
        }

    @property
    def cumrr(self) -> float | None:
        """The cumulative response rate; None where recruitment has no response rate."""
        known = [stage for stage in self.stages.values() if stage is not None]
        return formulas.cumulative(*known) if len(known) == len(self.stages) else None


def way(wave: Wave, found: Outcome) -> Way:
    """The whole way to this wave's completes."""
    names = wave.cases.order_by("member__cohort").values_list("member__cohort", flat=True).distinct()
    whence = tuple(names)
    recruited = cohorts.recruited(wave.study, whence)
    return Way(
        wave=wave.name,
        recruitment=Recruitment(recruited, whence),
        completion=found.rates["RR1"],
        retention=Rate(wave.in_panel, recruited.joined),
    )


def ways(wave: Wave) -> list[Way]:
    """Of this wave and the study's surveys before it."""
    before = wave.study.waves.filter(number__lt=wave.number, kind=Wave.Kind.SURVEY).order_by("number")
    drawn = [*before.exclude(status=Wave.Status.PLANNED).select_related("study"), wave]
    return [way(each, outcome(each)) for each in drawn]


def participation(wave: Wave, found: Outcome, *, here: int | None = None) -> Rate:
    """Who answered, of all who were invited: what a panel that was open to all may say of itself."""
    return Rate(found.counts.of(formulas.ANSWERED), selectors.invited(wave, here=here))


def as_json(found: Outcome) -> dict[str, Any]:
    """Codes, groups and rates for machines."""
    return {
        "edition": dispositions.EDITION,
        "dispositions": dict(sorted(found.tally.by_code.items())),
        "final": dict(sorted(found.tally.final.items())),
        "groups": found.counts.as_json(),
        "e": found.e.as_json(),
        "rates": {name: rate.as_json() for name, rate in found.rates.items()},
    }


def way_as_json(found: Way) -> dict[str, Any]:
    """The stages and their product."""
    stages = {name: rate.as_json() if rate else None for name, rate in found.stages.items()}
    return {"wave": found.wave, **stages, "CUMRR": found.cumrr}


def recruitment_as_json(found: Recruitment) -> dict[str, Any]:
    """Wave 0; how its rate is called depends on whether the call was open."""
    told, name = found.recruited, "participation" if found.recruited.is_open else "response"
    return {
        "cohorts": list(found.cohorts),
        "open": told.is_open,
        "approached": told.approached,
        "answered": told.answered,
        "joined": told.joined,
        f"{name}_rate": found.rate.as_json() if found.rate else None,
        "profile": found.profile.as_json(),
    }
