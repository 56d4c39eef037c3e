"""Product A: the table of reasons for leaving, with bases and persons per factor. Pure: no file, no models.

Strict (SDC-05): every count is hidden that is below k or whose complement in its base is; then further ones,
until no hidden number can be worked out to an interval narrower than k (`intervals.py`). What the form alone
tells (the one option of a group, in a question that can't be left blank) no table can hide. A release doesn't
say which cell was hidden why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.releases.intervals import Bases, Cell, Group, unsafe
from panel.threshold import DEFAULT_K, is_hidden

PERCENT_FROM = 20
"""Percentages only over a base of so many (SDC-05)."""


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
    """What may leave the house."""

    lines: tuple[Line, ...]
    k: int

    @property
    def hidden(self) -> int:
        """How many lines have their number hidden."""
        return sum(line.count is None for line in self.lines)


def reasons_table(leavers: Sequence[Leaver], options: Sequence[Option], k: int = DEFAULT_K) -> Table:
    """The table that may be shown, or a refusal if so few left that not even the base may be."""
    _check(leavers, options)
    bases = Bases(_in_group(leavers, Group.RETURNED), _in_group(leavers, Group.MOVED_ON))
    if bases.of(Group.ALL) < k:
        raise NotNow(_("Not released: fewer than %(k)s people answered this question.") % {"k": k})
    cells = [_option_cell(leavers, option, bases) for option in options]
    cells += [_persons_cell(leavers, factor, options, bases) for factor in _factors(options)]
    cells = [replace(cell, shown=not is_hidden(cell.count, cell.base, k)) for cell in cells]
    split = min(bases.returned, bases.moved_on) >= k
    if not split:
        cells = _without_groups(cells, options)
    cells = protect(cells, bases, k, all_chose=all(each.reasons for each in leavers))
    return Table((*_base_lines(bases, split=split), *(_line(cell, split=split) for cell in cells)), k)


def _check(leavers: Iterable[Leaver], options: Sequence[Option]) -> None:
    offered = {
        group: {each.code for each in options if each.asked_of in (group, Group.ALL)} for group in Group
    }
    if any(each.group == Group.ALL or not each.reasons <= offered[each.group] for each in leavers):
        raise BadInput(_("A reason was chosen by somebody it was not offered to: check the form's routing."))


def _in_group(leavers: Iterable[Leaver], group: Group) -> int:
    return sum(each.group == group for each in leavers)


def _factors(options: Iterable[Option]) -> list[str]:
    """In the order they were declared: an order by size would tell hidden numbers."""
    return list(dict.fromkeys(option.factor for option in options))


def _option_cell(leavers: Iterable[Leaver], option: Option, bases: Bases) -> Cell:
    count = sum(option.code in each.reasons for each in leavers)
    base = bases.of(option.asked_of)
    return Cell(True, option.code, option.factor, option.label, option.asked_of, base, count, False)


def _persons_cell(leavers: Iterable[Leaver], factor: str, options: Sequence[Option], bases: Bases) -> Cell:
    """Persons with at least one of the factor's reasons, among those who were offered any of them."""
    own = [option for option in options if option.factor == factor]
    groups = {option.asked_of for option in own}
    asked_of = groups.pop() if len(groups) == 1 else Group.ALL
    codes = {option.code for option in own}
    count = sum(bool(codes & each.reasons) for each in leavers)
    return Cell(False, factor, factor, factor, asked_of, bases.of(asked_of), count, False)


def _without_groups(cells: Iterable[Cell], options: Iterable[Option]) -> list[Cell]:
    """Where the groups may not be told apart, whatever depends on them is hidden, so that no base is told."""
    mixed = {option.factor for option in options if option.asked_of != Group.ALL}
    kept = []
    for cell in cells:
        depends = cell.asked_of != Group.ALL or (not cell.is_option and cell.factor in mixed)
        kept.append(replace(cell, shown=cell.shown and not depends))
    return kept


def protect(cells: Sequence[Cell], bases: Bases, k: int, *, all_chose: bool) -> list[Cell]:
    """Hide further cells until each hidden number is uncertain by k: what helps most, then the smallest."""
    cells = list(cells)
    while (bad := len(unsafe(cells, bases, k, all_chose=all_chose))) and any(cell.shown for cell in cells):
        tries = [
            (len(unsafe(_hide(cells, at), bases, k, all_chose=all_chose)) - bad, cell.count, at)
            for at, cell in enumerate(cells)
            if cell.shown
        ]
        cells = _hide(cells, min(tries)[2])
    return cells


def _hide(cells: Sequence[Cell], at: int) -> list[Cell]:
    return [replace(cell, shown=cell.shown and i != at) for i, cell in enumerate(cells)]


def _base_lines(bases: Bases, *, split: bool) -> list[Line]:
    shown = {Group.ALL: True, Group.RETURNED: split, Group.MOVED_ON: split}
    numbers = [(group, bases.of(group) if show else None) for group, show in shown.items()]
    return [Line("base", group.value, group.value, group, base, base, None) for group, base in numbers]


def _line(cell: Cell, *, split: bool) -> Line:
    kind = "option" if cell.is_option else "factor"
    if not cell.shown:
        base = cell.base if split or cell.asked_of == Group.ALL else None
        return Line(kind, cell.code, cell.label, cell.asked_of, base, None, None)
    percent = round(100 * cell.count / cell.base) if cell.base >= PERCENT_FROM else None
    return Line(kind, cell.code, cell.label, cell.asked_of, cell.base, cell.count, percent)
