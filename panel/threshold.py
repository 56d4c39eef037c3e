"""The one threshold below which numbers of people aren't shown (SDC-10), and breakdowns that keep to it. Pure.

Files and tables that leave the house keep to more (panel/releases); dashboards and commands keep to this.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_K = 6
"""OsloMet: anonymous when no one can be linked to a group of five or fewer (SDC-02)."""

Part = frozenset[str]
"""Categories that are shown as one number."""


def is_hidden(count: int, base: int, k: int = DEFAULT_K) -> bool:
    """Whether a count of people in a base may not be shown (SDC-05, SDC-10): it or its complement is below k.

    Nobody and everybody are hidden too (0 % and 100 %), and so is any count in a base of k or fewer (SDC-06).
    """
    return count < k or base - count < k or base <= k


def k_of(declaration: Mapping[str, Any]) -> int:
    """A study's own k (`Study.disclosure`), where it is stricter than the default."""
    return max(DEFAULT_K, int(declaration.get("k", DEFAULT_K)))


@dataclass(frozen=True)
class Shown:
    """One line of a breakdown: a group, or several as one; how many people, and how many in each part."""

    groups: tuple[str, ...]
    base: int
    counts: Mapping[Part, int]

    def count(self, categories: Collection[str]) -> int | None:
        """How many people are in these categories; None where they are no union of shown parts."""
        wanted = frozenset(categories) & frozenset().union(*self.counts)
        inside = [part for part in self.counts if part <= wanted]
        return sum(self.counts[part] for part in inside) if wanted == frozenset().union(*inside) else None


def breakdown(groups: Mapping[str, Mapping[str, int]], *, order: Sequence[str], k: int) -> list[Shown]:
    """Groups by categories, coarsened until no number that is shown or left over is hidden; [] if none may be.

    Whole groups are put together, the smallest first, until what the total less the shown groups gives away
    may be shown as well; then the same categories are told apart in all of them, in `order`, as far as each
    number of each line may be shown. So no difference tells more than the lines do. (Suppressing single cells
    would: the wave's own totals are exact.)
    """
    total = sum((Counter(counts) for counts in groups.values()), Counter[str]())
    there = [category for category in order if total[category]]
    if len(there) < 2:
        return []
    parts = [frozenset(there[:1]), frozenset(there[1:])]
    peopled = [(name,) for name, counts in groups.items() if sum(counts.values())]
    lines = _together([_line(names, groups, parts) for names in peopled], groups, parts, k)
    for category in there[1:-1]:
        finer = [piece for part in parts for piece in (part & {category}, part - {category}) if piece]
        tried = [_line(line.groups, groups, finer) for line in lines]
        if all(_may_be_shown(line, k) for line in tried):
            lines, parts = tried, finer
    return lines


def _together(
    lines: list[Shown], groups: Mapping[str, Mapping[str, int]], parts: Collection[Part], k: int
) -> list[Shown]:
    """The groups that may stand alone, and all others as one line."""
    apart = sorted((line for line in lines if _may_be_shown(line, k)), key=lambda line: line.base)
    rest = [name for line in lines if line not in apart for name in line.groups]
    while rest:
        merged = _line(tuple(sorted(rest)), groups, parts)
        if _may_be_shown(merged, k):
            return [*reversed(apart), merged] if apart else []
        if not apart:
            return []
        rest += apart.pop(0).groups
    return apart[::-1]


def _line(names: tuple[str, ...], groups: Mapping[str, Mapping[str, int]], parts: Collection[Part]) -> Shown:
    sums = sum((Counter(groups[name]) for name in names), Counter[str]())
    return Shown(names, sums.total(), {part: sum(sums[each] for each in part) for part in parts})


def _may_be_shown(line: Shown, k: int) -> bool:
    return not any(is_hidden(count, line.base, k) for count in line.counts.values())
