"""What a reader can work out of a table of reasons: the interval of each hidden number. Pure.

The reader knows the form and what is shown. Bases add up; whoever chose an option was offered it; a factor's
persons are, in each group, at least those of each of its options and at most their sum; and, if the question
can't be left blank, everyone is among some factor's persons. Seen per group these tables are a convex set
whose upper border has only the normals (1,0), (0,1) and (1,1), so a few sums decide what a linear programme
would; the tests hold them against one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Whom an option is offered to (RES-06)."""

    RETURNED = "returned"
    MOVED_ON = "moved_on"
    ALL = "all"


@dataclass(frozen=True)
class Bases:
    """How many people each group has; a reader who knows two of them knows the third."""

    returned: int
    moved_on: int

    def of(self, group: Group) -> int:
        """The base of a group."""
        everyone = self.returned + self.moved_on
        return {Group.RETURNED: self.returned, Group.MOVED_ON: self.moved_on, Group.ALL: everyone}[group]


@dataclass(frozen=True)
class Cell:
    """A count inside: of an option, or of the persons of a factor (`is_option` false)."""

    is_option: bool
    code: str
    factor: str
    label: str
    asked_of: Group
    base: int
    count: int
    shown: bool


@dataclass(frozen=True)
class Reach:
    """The most persons of one factor that a reader must think possible, per group and together."""

    returned: int
    moved_on: int
    together: int


def unsafe(cells: Sequence[Cell], bases: Bases, k: int, *, all_chose: bool) -> list[int]:
    """Positions of hidden cells whose interval is narrower than k."""
    hidden = [at for at, cell in enumerate(cells) if not cell.shown]
    edges = {at: interval(cells, at, bases, all_chose=all_chose) for at in hidden}
    return [at for at, (low, high) in edges.items() if high - low < k]


def interval(cells: Sequence[Cell], at: int, bases: Bases, *, all_chose: bool) -> tuple[int, int]:
    """The smallest and largest value of a hidden cell that agrees with all that is shown.

    The possible values have no gap and the true one is among them: bisect outwards from it.
    """

    def possible(value: int) -> bool:
        return _possible(cells, at, value, bases, all_chose=all_chose)

    truth = cells[at].count
    return _edge(truth, 0, possible), _edge(truth, cells[at].base, possible)


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


def _possible(cells: Sequence[Cell], at: int, value: int, bases: Bases, *, all_chose: bool) -> bool:
    """Whether some table agrees with all that is shown and has this value in that cell."""
    tried = [(cell, *_bounds(cell, value if i == at else None)) for i, cell in enumerate(cells)]
    factors = dict.fromkeys(cell.factor for cell in cells)
    if not all_chose:
        return _reach([each for each in tried if each[0].factor == cells[at].factor], bases) is not None
    reaches = [_reach([each for each in tried if each[0].factor == factor], bases) for factor in factors]
    known = [reach for reach in reaches if reach is not None]
    return (
        len(known) == len(reaches)
        and sum(reach.returned for reach in known) >= bases.returned
        and sum(reach.moved_on for reach in known) >= bases.moved_on
        and sum(reach.together for reach in known) >= bases.of(Group.ALL)
    )


def _bounds(cell: Cell, value: int | None) -> tuple[int, int]:
    if value is not None:
        return value, value
    return (cell.count, cell.count) if cell.shown else (0, cell.base)


def _reach(factor: Iterable[tuple[Cell, int, int]], bases: Bases) -> Reach | None:
    """How many persons a factor can have, with each cell between its bounds; None if no table agrees."""
    options: list[tuple[Group, int, int]] = []
    least, most = 0, bases.of(Group.ALL)
    for cell, low, high in factor:
        if cell.is_option:
            options.append((cell.asked_of, low, high))
        else:
            least, most = low, high
    fewest = _fewest([(asked, low) for asked, low, _high in options])
    together = min(most, _most([(asked, high) for asked, _low, high in options], bases))
    if fewest > most or least > together:
        return None
    returned = _most_of(options, Group.RETURNED, bases)
    moved_on = _most_of(options, Group.MOVED_ON, bases)
    return Reach(
        min(returned, most - _least_of(options, Group.MOVED_ON, bases)),
        min(moved_on, most - _least_of(options, Group.RETURNED, bases)),
        together,
    )


def _fewest(options: Sequence[tuple[Group, int]]) -> int:
    """Everyone's choices overlap as far as they can; those of different groups can't."""
    top = {group: max((count for asked, count in options if asked == group), default=0) for group in Group}
    return max(top[Group.RETURNED] + top[Group.MOVED_ON], top[Group.ALL])


def _most(options: Sequence[tuple[Group, int]], bases: Bases) -> int:
    """Choices overlap as little as they can; those open to all are spread over the groups to that end."""
    alone = {group: sum(count for asked, count in options if asked == group) for group in Group}
    shared = [count for asked, count in options if asked == Group.ALL]
    fewest_returned = sum(max(0, count - bases.moved_on) for count in shared)
    most_returned = sum(min(count, bases.returned) for count in shared)

    def persons(returned: int) -> int:
        moved_on = alone[Group.MOVED_ON] + alone[Group.ALL] - returned
        return min(bases.returned, alone[Group.RETURNED] + returned) + min(bases.moved_on, moved_on)

    bends = (bases.returned - alone[Group.RETURNED], fewest_returned, most_returned)
    return max(persons(min(max(at, fewest_returned), most_returned)) for at in bends)


def _most_of(options: Iterable[tuple[Group, int, int]], group: Group, bases: Bases) -> int:
    """The most persons one group can have."""
    base = bases.of(group)
    return min(base, sum(min(high, base) for asked, _low, high in options if asked in (group, Group.ALL)))


def _least_of(options: Iterable[tuple[Group, int, int]], group: Group, bases: Bases) -> int:
    """The fewest persons one group can have: of an option open to all, what the other group can't hold."""
    other = bases.of(Group.ALL) - bases.of(group)
    own = [
        low if asked == group else low - other for asked, low, _high in options if asked in (group, Group.ALL)
    ]
    return max(0, *own) if own else 0
