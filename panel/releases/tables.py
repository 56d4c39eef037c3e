"""Product A: the table of reasons for leaving, with bases and persons per factor. Pure: no file, no models.

Strict (SDC-05): every count is hidden that is below k or whose complement in its base is; then as few more as
it takes that no hidden number can be worked out to an interval narrower than k. The audit knows what a reader
knows: bases add up; whoever chose an option was offered it; a factor's persons are at least those of each
of its options and at most their sum, in each group apart. A release doesn't say which cell was hidden why.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.releases.disclosure import DEFAULT_K, is_hidden

PERCENT_FROM = 20
"""Percentages only over a base of so many (SDC-05)."""


class Group(StrEnum):
    """Whom an option is offered to (RES-06)."""

    RETURNED = "returned"
    MOVED_ON = "moved_on"
    ALL = "all"


@dataclass(frozen=True)
class Option:
    """One reason that could be chosen; wording variants share a code."""

    code: str
    label: str
    asked_of: Group
    factor: str


@dataclass(frozen=True)
class Leaver:
    """What one person who left and answered the question said."""

    group: Group
    reasons: frozenset[str]


@dataclass(frozen=True)
class Line:
    """One line of the table. What is hidden is None: a count, its percentage, a base below the threshold."""

    kind: str
    code: str
    label: str
    asked_of: Group
    base: int | None
    count: int | None
    percent: int | None


@dataclass(frozen=True)
class Table:
    """What may leave the house: the lines and how many of their numbers are hidden."""

    lines: tuple[Line, ...]
    k: int

    @property
    def hidden(self) -> int:
        """Lines whose number is hidden."""
        return sum(line.count is None for line in self.lines)


@dataclass(frozen=True)
class Cell:
    """A count inside, before it is decided what is shown."""

    kind: str
    code: str
    label: str
    asked_of: Group
    base: int
    count: int
    shown: bool


@dataclass(frozen=True)
class Bases:
    """How many people each group has; a reader who knows two of them knows the third."""

    returned: int
    moved_on: int

    def of(self, group: Group) -> int:
        """The base of a group."""
        return {
            Group.RETURNED: self.returned,
            Group.MOVED_ON: self.moved_on,
            Group.ALL: self.returned + self.moved_on,
        }[group]


def reasons_table(leavers: Sequence[Leaver], options: Sequence[Option], k: int = DEFAULT_K) -> Table:
    """The table that may be shown, or a refusal if so few left that not even the base may be."""
    _check(leavers, options)
    bases = Bases(_in_group(leavers, Group.RETURNED), _in_group(leavers, Group.MOVED_ON))
    if bases.of(Group.ALL) < k:
        raise NotNow(_("Not released: fewer than %(k)s people answered this question.") % {"k": k})
    split = min(bases.returned, bases.moved_on) >= k
    cells: list[Cell] = []
    for factor in dict.fromkeys(option.factor for option in options):
        chosen = [option for option in options if option.factor == factor]
        cells += _factor_cells(leavers, factor, chosen, bases, k, split=split)
    return Table(
        (*_base_lines(bases, split=split), *(_line(cell, split=split) for cell in _ordered(cells))), k
    )


def _check(leavers: Iterable[Leaver], options: Sequence[Option]) -> None:
    offered = {
        group: {option.code for option in options if option.asked_of in (group, Group.ALL)} for group in Group
    }
    if any(each.group == Group.ALL or not each.reasons <= offered[each.group] for each in leavers):
        raise BadInput(_("A reason was chosen by somebody it was not offered to: check the form's routing."))


def _in_group(leavers: Iterable[Leaver], group: Group) -> int:
    return sum(group in (each.group, Group.ALL) for each in leavers)


def _factor_cells(
    leavers: Sequence[Leaver], factor: str, options: Sequence[Option], bases: Bases, k: int, *, split: bool
) -> list[Cell]:
    """The cells of one factor: its options and the persons with at least one of them.

    Where the groups may not be told apart, whatever depends on them is hidden, so that no base is given away.
    """
    cells = [_option_cell(leavers, option, bases) for option in options]
    cells.append(_persons_cell(leavers, factor, options, bases))
    if not split and any(option.asked_of != Group.ALL for option in options):
        open_to_all = [cell.kind == "option" and cell.asked_of == Group.ALL for cell in cells]
        return [
            replace(cell, shown=ok and _may_show(cell, k))
            for ok, cell in zip(open_to_all, cells, strict=True)
        ]
    return protect([replace(cell, shown=_may_show(cell, k)) for cell in cells], bases, k)


def _option_cell(leavers: Iterable[Leaver], option: Option, bases: Bases) -> Cell:
    count = sum(option.code in each.reasons for each in leavers)
    return Cell("option", option.code, option.label, option.asked_of, bases.of(option.asked_of), count, False)


def _persons_cell(leavers: Iterable[Leaver], factor: str, options: Sequence[Option], bases: Bases) -> Cell:
    groups = {option.asked_of for option in options}
    asked_of = groups.pop() if len(groups) == 1 else Group.ALL
    codes = {option.code for option in options}
    count = sum(bool(codes & each.reasons) for each in leavers)
    return Cell("factor", factor, factor, asked_of, bases.of(asked_of), count, False)


def _may_show(cell: Cell, k: int) -> bool:
    return not is_hidden(cell.count, cell.base, k)


def protect(cells: Sequence[Cell], bases: Bases, k: int) -> list[Cell]:
    """Hide as few further cells of one factor as it takes, of those the ones with the smallest counts."""
    shown = [at for at, cell in enumerate(cells) if cell.shown]
    for size in range(len(shown) + 1):
        tries = sorted(combinations(shown, size), key=lambda some: sum(cells[at].count for at in some))
        for some in tries:
            tried = [replace(cell, shown=cell.shown and at not in some) for at, cell in enumerate(cells)]
            if is_safe(tried, bases, k):
                return tried
    raise AssertionError("with everything hidden each interval is as wide as its base")


def is_safe(cells: Sequence[Cell], bases: Bases, k: int) -> bool:
    """Whether each hidden number of the factor stays uncertain by at least k."""
    for at, cell in enumerate(cells):
        if not cell.shown:
            low, high = interval(cells, at, bases)
            if high - low < k:
                return False
    return True


def interval(cells: Sequence[Cell], at: int, bases: Bases) -> tuple[int, int]:
    """The smallest and largest value a reader must think possible for a hidden cell of a factor.

    The possible tables are a convex set, so the possible values have no gap and the true one is among them:
    bisect outwards from it.
    """
    truth = cells[at].count
    low = _edge(truth, 0, lambda value: _possible(cells, at, value, bases))
    high = _edge(truth, cells[at].base, lambda value: _possible(cells, at, value, bases))
    return low, high


def _edge(inside: int, limit: int, possible: Callable[[int], bool]) -> int:
    """The possible value farthest from `inside` towards `limit`."""
    if possible(limit):
        return limit
    outside = limit
    while abs(outside - inside) > 1:
        middle = (outside + inside) // 2
        if possible(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _possible(cells: Sequence[Cell], at: int, value: int, bases: Bases) -> bool:
    """Whether some table agrees with all that is shown and has this value in that cell."""
    least = [value if i == at else cell.count if cell.shown else 0 for i, cell in enumerate(cells)]
    most = [value if i == at else cell.count if cell.shown else cell.base for i, cell in enumerate(cells)]
    options = [i for i, cell in enumerate(cells) if cell.kind == "option"]
    persons = next(i for i, cell in enumerate(cells) if cell.kind == "factor")
    fewest = _fewest_persons([(cells[i].asked_of, least[i]) for i in options])
    return fewest <= most[persons] and least[persons] <= _most_persons(
        [(cells[i].asked_of, most[i]) for i in options], bases
    )


def _fewest_persons(options: Sequence[tuple[Group, int]]) -> int:
    """Everyone's choices overlap as far as they can; those of different groups can't."""
    top = {group: max((count for asked, count in options if asked == group), default=0) for group in Group}
    return max(top[Group.RETURNED] + top[Group.MOVED_ON], top[Group.ALL])


def _most_persons(options: Sequence[tuple[Group, int]], bases: Bases) -> int:
    """Choices overlap as little as they can; those open to all are spread over the groups to that end."""
    alone = {group: sum(count for asked, count in options if asked == group) for group in Group}
    shared = [count for asked, count in options if asked == Group.ALL]
    fewest_returned = sum(max(0, count - bases.moved_on) for count in shared)
    most_returned = sum(min(count, bases.returned) for count in shared)

    def persons(returned: int) -> int:
        moved_on = alone[Group.MOVED_ON] + alone[Group.ALL] - returned
        return min(bases.returned, alone[Group.RETURNED] + returned) + min(bases.moved_on, moved_on)

    bends = (
        bases.returned - alone[Group.RETURNED],
        alone[Group.MOVED_ON] + alone[Group.ALL] - bases.moved_on,
    )
    return max(persons(min(max(at, fewest_returned), most_returned)) for at in (*bends, fewest_returned))


def _ordered(cells: Iterable[Cell]) -> list[Cell]:
    """Options first, then persons per factor, as declared: an order by size would tell hidden numbers."""
    return sorted(cells, key=lambda cell: cell.kind != "option")


def _base_lines(bases: Bases, *, split: bool) -> list[Line]:
    shown = {Group.ALL: True, Group.RETURNED: split, Group.MOVED_ON: split}
    return [
        Line("base", group.value, group.value, group, base, base, None)
        for group, base in ((group, bases.of(group) if show else None) for group, show in shown.items())
    ]


def _line(cell: Cell, *, split: bool) -> Line:
    base = cell.base if split or cell.asked_of == Group.ALL else None
    percent = round(100 * cell.count / cell.base) if cell.shown and cell.base >= PERCENT_FROM else None
    return Line(
        cell.kind, cell.code, cell.label, cell.asked_of, base, cell.count if cell.shown else None, percent
    )
