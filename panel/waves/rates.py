"""Outcome rates (AAPOR): which groups of dispositions stand above the line and which below. Pure arithmetic.

Each rate carries its numerator and denominator; one without a base is None, not zero.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod, sqrt

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.waves.dispositions import CODES, Group

Words = str | Promise


@dataclass(frozen=True)
class Counts:
    """Cases per group of dispositions, by the letters of the standard."""

    I: int = 0  # noqa: E741  (the letters of the standard)
    P: int = 0
    R: int = 0
    NC: int = 0
    O: int = 0  # noqa: E741
    UH: int = 0
    UO: int = 0
    NE: int = 0

    def of(self, letters: Collection[str]) -> int:
        """How many cases are in these groups."""
        return sum(getattr(self, letter) for letter in letters)

    def as_json(self) -> dict[str, int]:
        """By letter."""
        return asdict(self)


@dataclass(frozen=True)
class Rate:
    """A share with what it is a share of; the denominator is no whole number where e weighs the unknown."""

    numerator: int
    denominator: float

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None

    def as_json(self) -> dict[str, float | None]:
        """As commands and releases tell it."""
        return {"value": self.value, "numerator": self.numerator, "denominator": self.denominator}


@dataclass(frozen=True)
class Formula:
    """A rate: the letters above the line, those below, what share of the unknown is added, what it tells."""

    over: frozenset[str]
    under: frozenset[str]
    unknown: str  # "all", "e": the share estimated to be eligible, "none"
    words: Words


def _letters(*groups: Group) -> frozenset[str]:
    return frozenset(group.value for group in groups)


COMPLETE = _letters(Group.COMPLETE)
ANSWERED = COMPLETE | _letters(Group.PARTIAL)
REFUSED = _letters(Group.REFUSAL)
REACHED = ANSWERED | REFUSED
CONTACTED = REACHED | _letters(Group.OTHER)
ELIGIBLE = CONTACTED | _letters(Group.NON_CONTACT)
UNKNOWN = _letters(Group.UNKNOWN_HOUSEHOLD, Group.UNKNOWN_OTHER)
NOT_ELIGIBLE = _letters(Group.NOT_ELIGIBLE)

FORMULAS: Mapping[str, Formula] = {
    "RR1": Formula(COMPLETE, ELIGIBLE, "all", _("completes, of all cases: the lowest response rate")),
    "RR2": Formula(ANSWERED, ELIGIBLE, "all", _("completes and partials, of all cases")),
    "RR3": Formula(COMPLETE, ELIGIBLE, "e", _("completes, of those estimated to be eligible")),
    "RR4": Formula(ANSWERED, ELIGIBLE, "e", _("completes and partials, of those estimated to be eligible")),
    "RR5": Formula(COMPLETE, ELIGIBLE, "none", _("completes, of those known to be eligible")),
    "RR6": Formula(ANSWERED, ELIGIBLE, "none", _("completes and partials, of those known to be eligible")),
    "COOP1": Formula(COMPLETE, CONTACTED, "none", _("completes, of all who were reached")),
    "COOP2": Formula(ANSWERED, CONTACTED, "none", _("completes and partials, of all who were reached")),
    "COOP3": Formula(COMPLETE, REACHED, "none", _("completes, of those reached who were able to answer")),
    "COOP4": Formula(
        ANSWERED, REACHED, "none", _("completes and partials, of those reached who were able to answer")
    ),
    "REF1": Formula(REFUSED, ELIGIBLE, "all", _("refusals and break-offs, of all cases")),
    "REF2": Formula(REFUSED, ELIGIBLE, "e", _("refusals and break-offs, of those estimated to be eligible")),
    "REF3": Formula(REFUSED, ELIGIBLE, "none", _("refusals and break-offs, of those known to be eligible")),
    "CON1": Formula(CONTACTED, ELIGIBLE, "all", _("all who were reached, of all cases")),
    "CON2": Formula(CONTACTED, ELIGIBLE, "e", _("all who were reached, of those estimated to be eligible")),
    "CON3": Formula(CONTACTED, ELIGIBLE, "none", _("all who were reached, of those known to be eligible")),
}


def grouped(by_code: Mapping[str, int]) -> Counts:
    """Counts per code -> counts per group."""
    groups: dict[str, int] = {}
    for code, number in by_code.items():
        group = CODES[code].group.value
        groups[group] = groups.get(group, 0) + number
    return Counts(**groups)


def eligibility(counts: Counts) -> Rate:
    """e: the share of eligible cases among those whose eligibility is known."""
    return Rate(counts.of(ELIGIBLE), counts.of(ELIGIBLE | NOT_ELIGIBLE))


def rates(counts: Counts) -> dict[str, Rate]:
    """All rates by their names: RR1-RR6, COOP1-COOP4, REF1-REF3, CON1-CON3."""
    found = rates_of(counts.of, e=eligibility(counts).value or 0)
    return {name: rate for name, rate in found.items() if rate is not None}


def rates_of(count: Callable[[Collection[str]], int | None], *, e: float) -> dict[str, Rate | None]:
    """The rates from whatever counts cases by letters; None where it can't, or may not, tell."""
    return {name: _rate(formula, count, e) for name, formula in FORMULAS.items()}


def _rate(formula: Formula, count: Callable[[Collection[str]], int | None], e: float) -> Rate | None:
    weighs = formula.unknown == "e"
    under = formula.under | UNKNOWN if formula.unknown == "all" else formula.under
    above, below, unknown = count(formula.over), count(under), count(UNKNOWN) if weighs else 0
    if above is None or below is None or unknown is None:
        return None
    return Rate(above, below + e * unknown if unknown else below)


def cumulative(*stages: Rate) -> float | None:
    """CUMRR: the product of the stages' shares, as recruitment, profile, completion (and retention)."""
    values = [stage.value for stage in stages]
    return None if None in values else prod(value for value in values if value is not None)


@dataclass(frozen=True)
class Evenness:
    """The R-indicator: 1 where all groups answer alike; `cv` is the spread beside the mean."""

    r: float
    cv: float


def evenness(groups: Sequence[Rate]) -> Evenness | None:
    """R = 1 - 2 S(rho) over the people of groups, each with the rate of its group; None without a spread to look at.

    Schouten, Cobben & Bethlehem (2009), Indicators for the representativeness of survey response, Survey
    Methodology 35(1).
    """
    people = sum(group.denominator for group in groups)
    mean = sum(group.numerator for group in groups) / people if people else 0
    if len(groups) < 2 or not mean:
        return None
    squares = sum(group.denominator * ((group.value or 0) - mean) ** 2 for group in groups)
    spread = sqrt(squares / (people - 1))
    return Evenness(r=1 - 2 * spread, cv=spread / mean)
