"""Product A: the reasons table, audited by linear programmes over everything people could have answered."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from panel.errors import BadInput, NotNow
from panel.releases.intervals import Bases, Cell, Group, interval
from panel.releases.tables import Leaver, Option, Table, reasons_table

EXAMPLE = Path(__file__).parent / "data"


def example_options() -> list[Option]:
    with (EXAMPLE / "why_exit_table1.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Option(row["code"], row["label_en"], Group(row["asked_of"]), row["category"]) for row in rows]


def example_leavers() -> list[Leaver]:
    with (EXAMPLE / "leavers_2023.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = {"ukraine": Group.RETURNED, "other_country": Group.MOVED_ON}
    return [Leaver(groups[row["left_for"]], frozenset(row["reasons"].split())) for row in rows]


def counts(table: Table) -> dict[str, int | None]:
    return {f"{line.kind} {line.code}": line.count for line in table.lines}


def test_example_shows_only_what_the_strict_rules_allow():
    """SDC-05, strict: of Table 1 four ticks, two factors and the three bases can be shown."""
    shown = {
        name: count
        for name, count in counts(reasons_table(example_leavers(), example_options())).items()
        if count
    }
    assert shown == {
        "base all": 21,
        "base returned": 15,
        "base moved_on": 6,
        "option home": 8,
        "option longing": 7,
        "option family": 7,
        "option qualifications": 6,
        "factor familial": 9,
        "factor structural": 14,
    }


def test_no_count_for_an_option_offered_to_k_or_fewer():
    """SDC-06: moved on are six, so nothing is said of what was offered to them alone."""
    table = reasons_table(example_leavers(), example_options())
    offered_to_six = [
        line for line in table.lines if line.kind == "option" and line.asked_of == Group.MOVED_ON
    ]
    assert len(offered_to_six) == 3
    assert all(line.count is None and line.percent is None for line in offered_to_six)


def test_percentages_only_over_twenty_or_more():
    """SDC-05: seven of the 15 who returned is no percentage, seven of 21 is."""
    lines = {line.code: line for line in reasons_table(example_leavers(), example_options()).lines}
    assert (lines["longing"].count, lines["longing"].percent) == (7, None)
    assert (lines["family"].count, lines["family"].percent) == (7, 33)


@pytest.mark.parametrize("everyone", [True, False])
def test_nobody_and_everybody_are_hidden(everyone):
    """SDC-05: 0 % and 100 % of a group."""
    options = [Option("a", "A", Group.ALL, "f"), Option("b", "B", Group.ALL, "g")]
    people = [Leaver(Group.RETURNED, frozenset("a" if everyone else "")) for _n in range(20)]
    people += [Leaver(Group.MOVED_ON, frozenset("a" if everyone else "")) for _n in range(20)]
    table = counts(reasons_table(people, options))
    assert table["option a"] is None
    assert table["factor f"] is None


def test_base_below_k_takes_its_complement_along():
    """SDC-05: four moved on, so neither group's base is shown, nor anything offered to one group."""
    options = [*example_options()]
    people = [each for each in example_leavers() if each.group == Group.RETURNED]
    people += [each for each in example_leavers() if each.group == Group.MOVED_ON][:4]
    table = reasons_table(people, options)
    bases = {line.code: line.base for line in table.lines if line.kind == "base"}
    assert bases == {"all": 19, "returned": None, "moved_on": None}
    assert all(line.count is None and line.base is None for line in table.lines if line.asked_of != Group.ALL)


def test_fewer_than_k_leavers_are_refused():
    with pytest.raises(NotNow, match="fewer than 6"):
        reasons_table(example_leavers()[:5], example_options())


def test_a_reason_that_was_not_offered_is_refused():
    """RES-06: the routing must hold before anything is counted."""
    with pytest.raises(BadInput, match="not offered"):
        reasons_table([Leaver(Group.MOVED_ON, frozenset({"home"}))] * 10, example_options())


class Audit:
    """Everything people could have answered: one unknown per group and set of ticks; judge of all intervals.

    Knows nothing of the product's formulas. With `at_least_one` a reader also knows nobody left all blank.
    """

    def __init__(self, table: Table, options: list[Option], *, at_least_one: bool) -> None:
        self.options = options
        self.patterns = [
            (group, frozenset(ticks))
            for group in (Group.RETURNED, Group.MOVED_ON)
            for codes in [[o.code for o in options if o.asked_of in (group, Group.ALL)]]
            for size in range(int(at_least_one), len(codes) + 1)
            for ticks in combinations(codes, size)
        ]
        shown = [line for line in table.lines if line.count is not None]
        self.bases = sum(line.kind == "base" for line in shown)
        self.known = np.array([self.row(line.kind, line.code) for line in shown], float)
        self.values = np.array([line.count for line in shown], float)

    def row(self, kind: str, code: str) -> list[bool]:
        of_factor = {o.code for o in self.options if o.factor == code}
        counted = {
            "base": lambda group, ticks: code in (group.value, "all"),
            "option": lambda group, ticks: code in ticks,
            "factor": lambda group, ticks: bool(of_factor & ticks),
        }[kind]
        return [counted(*pattern) for pattern in self.patterns]

    def width(self, kind: str, code: str, *, bases_only: bool = False) -> float:
        aim = np.array(self.row(kind, code), float)
        first = self.bases if bases_only else len(self.values)
        ends = [linprog(sign * aim, A_eq=self.known[:first], b_eq=self.values[:first]) for sign in (1, -1)]
        assert all(end.status == 0 for end in ends), "the shown table is not possible"
        return float(-ends[1].fun - ends[0].fun)


def random_case(rng: np.random.Generator) -> tuple[list[Leaver], list[Option]]:
    asked = [Group(name) for name in rng.choice(list(Group), size=rng.integers(3, 8))]
    options = [Option(f"o{n}", "", group, f"f{rng.integers(0, 3)}") for n, group in enumerate(asked)]
    people = []
    for group, size in ((Group.RETURNED, rng.integers(0, 40)), (Group.MOVED_ON, rng.integers(0, 25))):
        offered = [o.code for o in options if o.asked_of in (group, Group.ALL)]
        for _person in range(size):
            wanted = [code for code in offered if rng.random() < rng.beta(0.8, 1.2)]
            people.append(Leaver(group, frozenset(wanted)))
    return people, options


@pytest.mark.parametrize("required", [False, True])
def test_two_hundred_random_tables_are_audited_by_linear_programming(required):
    """SDC-05: each hidden number stays uncertain by at least k, whatever a reader works out.

    In a question that can't be left blank the form alone may tell a number (a group's only option): such a
    one no table can hide, and it is left out here.
    """
    rng = np.random.default_rng(20231001)
    audited = hidden = complementary = 0
    while audited < 200:
        people, options = random_case(rng)
        people = [each for each in people if each.reasons or not required]
        if len(people) < 6:
            continue
        table = reasons_table(people, options)
        audit = Audit(table, options, at_least_one=required)
        for line in table.lines:
            if line.count is None and audit.width(line.kind, line.code) < 6 - 1e-6:
                assert required, (line, table)
                assert audit.width(line.kind, line.code, bases_only=True) < 6 - 1e-6, (line, table)
            hidden += line.count is None
        audited += 1
        complementary += further(table, people)
    assert hidden > 500
    assert complementary > 10, "the random tables never needed complementary suppression"


def further(table: Table, people: list[Leaver]) -> bool:
    """Whether an option was hidden although neither it nor its complement is small."""
    for line in table.lines:
        if line.kind == "option" and line.count is None and line.base is not None:
            count = sum(line.code in each.reasons for each in people)
            if count >= 6 and line.base - count >= 6:
                return True
    return False


def test_the_audit_itself_finds_an_unsafe_table():
    """A judge that never objects is none: a factor shown beside its only option unmasks that option."""
    option = Cell(True, "a", "f", "", Group.ALL, 40, 12, False)
    persons = Cell(False, "f", "f", "", Group.ALL, 40, 12, True)
    assert interval([option, persons], 0, Bases(20, 20), all_chose=False) == (12, 12)


def test_large_panels_stay_quick():
    """94,000 members over ten waves: bisecting, not counting through."""
    rng = np.random.default_rng(1)
    options = [Option(f"o{n}", "", Group.ALL, f"f{n % 3}") for n in range(14)]
    ticks = rng.random((5000, 14)) < rng.beta(0.3, 3, size=14)
    people = [
        Leaver(Group.RETURNED if n % 2 else Group.MOVED_ON, frozenset(f"o{at}" for at in np.flatnonzero(row)))
        for n, row in enumerate(ticks)
    ]
    assert reasons_table(people, options).hidden < 14
