"""How a quasi-identifier may be made coarser: declared levels, checked when they are read.

A hierarchy is the study's data, not code. Level 0 is the value itself; each further level is a mapping from
the value to a coarser one; the last is "*" for everything. Levels must nest: what one level puts together the
next may not take apart, or coarser would not mean safer.

A level can also be bands of whole numbers, ["1957-1966", "1967-1976"]: each number goes to its band.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput
from panel.releases.disclosure import MISSING

STAR = "*"
Level = Mapping[str, str]
Declared = Sequence[Level | Sequence[str] | str]
"""A level as a study writes it: a mapping, bands, or "*"."""


@dataclass(frozen=True)
class Hierarchy:
    """One quasi-identifier with its levels above 0. `leaves` are the values it was declared for.

    `weight` says how much its loss counts beside that of the others.
    """

    name: str
    levels: tuple[Level, ...]
    leaves: frozenset[str]
    weight: float = 1.0

    @classmethod
    def declared(cls, name: str, written: Declared, weight: float = 1.0) -> "Hierarchy":
        """From the study's declaration, where the last level may be written as "*" alone."""
        if not weight > 0:
            raise BadInput(_("The weight of “%(name)s” must be above 0.") % {"name": name})
        levels = [level if isinstance(level, str) else _mapping(name, level) for level in written]
        top = levels[-1] if levels else ""
        if not (top == STAR or (not isinstance(top, str) and set(top.values()) == {STAR})):
            raise BadInput(_("The last level of “%(name)s” must be “*”.") % {"name": name})
        below = [level for level in levels[:-1] if not isinstance(level, str)]
        declared = [*below] if isinstance(top, str) else [*below, top]
        leaves = frozenset(value for level in declared for value in level)
        if len(below) < len(levels) - 1 or any(frozenset(level) != leaves for level in declared):
            raise BadInput(
                _("Each level of “%(name)s” must say what becomes of each value.") % {"name": name}
            )
        hierarchy = cls(name, (*below, dict.fromkeys(leaves, STAR)), leaves, weight)
        hierarchy._check_nesting()
        return hierarchy

    def _check_nesting(self) -> None:
        for finer, coarser in zip(self.levels, self.levels[1:], strict=False):
            goes_to: dict[str, str] = {}
            if any(goes_to.setdefault(finer[leaf], coarser[leaf]) != coarser[leaf] for leaf in self.leaves):
                raise BadInput(
                    _("A level of “%(name)s” takes apart what the level below put together.")
                    % {"name": self.name}
                )

    @property
    def top(self) -> int:
        return len(self.levels)

    def at(self, level: int, value: str) -> str:
        """The value at a level. A missing code the declaration doesn't name stays itself until the top."""
        if level == 0:
            return value
        return self.levels[level - 1].get(value, STAR if level == self.top else value)

    def check(self, values: Sequence[str]) -> None:
        """Refuse values nobody declared: to guess where they belong could disclose somebody. Names none."""
        unknown = set(values) - self.leaves - MISSING
        if self.leaves and unknown:
            raise BadInput(
                _("“%(name)s” has %(count)s value(s) that its hierarchy doesn't name.")
                % {"name": self.name, "count": len(unknown)}
            )


def _mapping(name: str, level: Level | Sequence[str]) -> Level:
    """A level as a mapping; bands are spelt out."""
    if isinstance(level, Mapping):
        return {str(value): str(coarser) for value, coarser in level.items()}
    bands = [re.fullmatch(r"(\d{1,4})-(\d{1,4})", band) for band in level]
    spelt = [(number, band[0]) for band in bands if band for number in range(int(band[1]), int(band[2]) + 1)]
    if not all(bands) or len(dict(spelt)) < len(spelt):
        raise BadInput(_("The bands of “%(name)s” must look like 18-29 and not overlap.") % {"name": name})
    return {str(number): band for number, band in spelt}
