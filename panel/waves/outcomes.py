"""What came of a wave, as others are told: codes, all rates, by group above the threshold, over the waves.

Derived from events at the moment of reading; nothing of it is stored. Place is no way to break a wave down: who
left is known only of those who told, and too few to be a group of a rate (releases have tables for them).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.threshold import breakdown, k_of
from panel.waves import dispositions, selectors
from panel.waves import rates as formulas
from panel.waves.dispositions import Group, Tally
from panel.waves.models import Wave
from panel.waves.rates import Counts, Rate

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
