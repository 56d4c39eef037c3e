"""k, minimal uniques and the rules for sensitive values, with pyCANON as an independent judge."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycanon import anonymity

from panel.errors import BadInput
from panel.releases.disclosure import (
    Sensitive,
    Thresholds,
    broken_rules,
    column,
    fold,
    judge,
    minimal_uniques,
)

DATA = Path(__file__).parent / "data"
TABLE_2 = ["age_group", "length_of_stay", "moved_to", "family_in_norway"]

small_files = st.lists(
    st.fixed_dictionaries({name: st.sampled_from("abc-") for name in "pqr"}), min_size=1, max_size=40
)


def read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_published_table_2_is_refused():
    """SDC-03: eight interviewees, each unique."""
    assert judge(read("why_exit_table2.csv"), TABLE_2) == {
        "k": 1,
        "rows": 8,
        "below_k": 8,
        "unique": 8,
        "verdict": "refused",
    }


def test_published_table_2_has_minimal_uniques_of_two_variables():
    """SDC-03: nobody stands alone on one variable only by chance: the age group >29 is one person's."""
    found = minimal_uniques(read("why_exit_table2.csv"), TABLE_2)
    assert found["age_group",] == 2
    assert ("age_group", "length_of_stay") in found
    assert all(len(names) <= 3 for names in found)


@given(small_files)
def test_pycanon_sees_the_same_k(rows):
    assert judge(rows, ["p", "q", "r"])["k"] == anonymity.k_anonymity(pd.DataFrame(rows), ["p", "q", "r"])


@given(small_files, st.integers(2, 7))
def test_counts_are_what_counting_by_hand_gives(rows, k):
    sizes = [sum(row == other for other in rows) for row in rows]
    verdict = judge(rows, ["p", "q", "r"], k)
    assert verdict["below_k"] == sum(size < k for size in sizes)
    assert verdict["unique"] == sizes.count(1)
    assert (verdict["verdict"] == "accepted") == (min(sizes) >= k)


@given(small_files)
def test_minimal_uniques_are_what_looking_at_each_row_gives(rows):
    """SDC-03: alone on these variables, though on no part of them."""

    def alone(row, names):
        return sum(all(row[name] == other[name] for name in names) for other in rows) == 1

    parts: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        ("p",): [()],
        ("q",): [()],
        ("r",): [()],
        ("p", "q"): [("p",), ("q",)],
        ("p", "r"): [("p",), ("r",)],
    }
    parts |= {("q", "r"): [("q",), ("r",)], ("p", "q", "r"): [("p", "q"), ("p", "r"), ("q", "r")]}
    by_hand = {
        names: sum(
            alone(row, names) and not any(part and alone(row, part) for part in smaller) for row in rows
        )
        for names, smaller in parts.items()
    }
    assert minimal_uniques(rows, ["p", "q", "r"]) == {names: n for names, n in by_hand.items() if n}


@pytest.mark.parametrize("rows", [[], [{"a": "1"}] * 5])
def test_files_of_fewer_than_k_rows_are_refused(rows):
    assert judge(rows, ["a"])["verdict"] == "refused"


def test_missing_codes_and_starred_records_are_values_of_their_own():
    rows = [{"a": "x"}] * 6 + [{"a": "-3"}] * 6 + [{"a": "*"}] * 5
    assert judge(rows, ["a"]) == {"k": 5, "rows": 17, "below_k": 5, "unique": 0, "verdict": "refused"}


def test_many_wide_columns_do_not_overflow():
    """Mixed-radix numbers of 30 columns with 1,000 values each are far beyond 64 bits."""
    rng = np.random.default_rng(3)
    columns = [rng.integers(0, 1000, 2000) for _column in range(30)]
    columns = [np.concatenate([column, column]) for column in columns]
    assert np.bincount(fold(columns, 4000)).tolist() == [2] * 2000


def test_a_variable_the_file_lacks_is_refused_by_name():
    with pytest.raises(BadInput, match="“b”"):
        judge([{"a": "1"}], ["b"])


def people(*classes: tuple[int, int]) -> list[dict[str, str]]:
    """Classes as (left, stayed)."""
    return [
        {"class": str(at), "left": left}
        for at, (gone, stayed) in enumerate(classes)
        for left in ["yes"] * gone + ["no"] * stayed
    ]


def verdict_on_left(rows: list[dict[str, str]]) -> list[str]:
    limits = Thresholds()
    guarded = Sensitive.of("left", column(rows, "left"), limits, {"yes"})
    return broken_rules(rows, ["class"], [guarded], limits)


def test_no_class_above_three_times_the_base_rate():
    """SDC-02: 10 of 100 left, so 30 % of a class is the most."""
    assert verdict_on_left(people((3, 7), (7, 83))) == []
    assert verdict_on_left(people((4, 6), (6, 84))) == ["left"]


def test_no_class_of_leavers_only():
    """SDC-02: three times 19 % would allow 57 %, never 100 %; of a file of leavers nothing is rare."""
    assert verdict_on_left(people((6, 0), (0, 30))) == ["left"]


def test_no_class_of_people_who_left_either_way():
    """SDC-02: returned and moved on are each rare; a class of both together would be of leavers only."""
    limits = Thresholds(times=9.0)
    rows = [{"class": "a", "where": where} for where in ("returned", "moved_on") for _person in range(4)]
    rows += [{"class": "b", "where": "in_norway"}] * 60
    for guard, broken in (({"returned", "moved_on"}, ["where"]), ({"returned"}, [])):
        where = Sensitive.of("where", column(rows, "where"), limits, guard)
        assert broken_rules(rows, ["class"], [where], limits) == broken


def test_common_values_beside_a_rare_one_may_not_fill_a_class():
    """SDC-02: one rare plan lifts l and t, not the largest share of 80 % of the others."""
    limits = Thresholds()
    rows = [{"class": "a", "plans": plan} for plan in ["unsure"] * 9 + ["stay"]]
    rows += [{"class": "b", "plans": plan} for plan in ["unsure"] * 12 + ["stay"] * 12 + ["return"] * 4]
    plans = Sensitive.of("plans", column(rows, "plans"), limits)
    assert [plans.values[at] for at in plans.rare] == ["return"]
    assert broken_rules(rows, ["class"], [plans], limits) == ["plans"]
    assert broken_rules([row for row in rows if row["class"] == "b"], ["class"], [plans], limits) == []


def test_values_that_say_nothing_are_not_guarded():
    """One person who preferred not to say is rare, but nothing is told of them."""
    limits = Thresholds()
    values = ["a"] * 10 + ["b"] * 10 + ["c"] * 10 + ["-3"]
    assert Sensitive.of("plans", values, limits).rare == ()
    assert Sensitive.of("plans", [*values, "-1"], limits).rare != ()


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=5))
def test_spread_agrees_with_pycanon(classes):
    """SDC-02: distinct l, largest share (alpha) and t of a variable without rare values."""
    rows = [
        {"class": str(at), "study": "one", "plans": plan}
        for at, counts in enumerate(classes)
        for plan, n in zip("abc", counts, strict=True)
        for _person in range(n)
    ]
    limits = Thresholds(k=2, rare=0.0)
    if not rows:
        return
    plans = Sensitive.of("plans", column(rows, "plans"), limits)
    frame, quasi = pd.DataFrame(rows), ["class", "study"]
    l_found = anonymity.l_diversity(frame, quasi, ["plans"])
    alpha, _k = anonymity.alpha_k_anonymity(frame, quasi, ["plans"])
    t = anonymity.t_closeness(frame, quasi, ["plans"])
    wanted = l_found >= min(3, frame["plans"].nunique()) and alpha <= 0.8 and t <= 0.3 + 1e-9
    assert ("plans" not in broken_rules(rows, quasi, [plans], limits)) == wanted


def test_broken_rules_look_at_finished_rows_afresh():
    rows = [{"a": a, "b": b} for a, b in product("xy", "uv")] * 3
    assert broken_rules(rows, ["a", "b"], [], Thresholds()) == ["k"]
    assert broken_rules(rows, ["a"], [], Thresholds()) == []
