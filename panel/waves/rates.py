"""Outcome rates (AAPOR) from counts per disposition. Pure arithmetic; a rate without a base is None, not
zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from panel.waves.dispositions import CODES


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

    @property
    def eligible(self) -> int:
        return self.I + self.P + self.R + self.NC + self.O

    @property
    def unknown(self) -> int:
        return self.UH + self.UO


def grouped(by_code: Mapping[str, int]) -> Counts:
    """Counts per code -> counts per group."""
    groups: dict[str, int] = {}
    for code, number in by_code.items():
        group = CODES[code].group.value
        groups[group] = groups.get(group, 0) + number
    return Counts(**groups)


def share(part: float, whole: float) -> float | None:
    """part / whole, None where there is no whole."""
    return part / whole if whole else None


def rates(counts: Counts) -> dict[str, float | None]:
    """All rates by their names: e, RR1-RR6, COOP1-COOP4, REF1-REF3, CON1-CON3."""
    c, d, u = counts, counts.eligible, counts.unknown
    e = share(d, d + c.NE)
    answered, reached = c.I + c.P, c.I + c.P + c.R
    # e estimates the share of eligible cases among the unknown; without unknown cases its value doesn't
    # matter.
    all_cases, estimated = d + u, d + (e or 0) * u
    return {
        "e": e,
        "RR1": share(c.I, all_cases),
        "RR2": share(answered, all_cases),
        "RR3": share(c.I, estimated),
        "RR4": share(answered, estimated),
        "RR5": share(c.I, d),
        "RR6": share(answered, d),
        "COOP1": share(c.I, reached + c.O),
        "COOP2": share(answered, reached + c.O),
        "COOP3": share(c.I, reached),
        "COOP4": share(answered, reached),
        "REF1": share(c.R, all_cases),
        "REF2": share(c.R, estimated),
        "REF3": share(c.R, d),
        "CON1": share(reached + c.O, all_cases),
        "CON2": share(reached + c.O, estimated),
        "CON3": share(reached + c.O, d),
    }


def cumulative(*stages: tuple[int, int]) -> float | None:
    """CUMRR: the product of the stages' shares, as recruitment, profile, completion (and retention)."""
    product = 1.0
    for part, whole in stages:
        stage = share(part, whole)
        if stage is None:
            return None
        product *= stage
    return product
