"""The one threshold function, and breakdowns from which nothing below it can be worked out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.threshold import breakdown, is_hidden, k_of

ORDER = ("I", "P", "R", "NC", "NE")
counts = st.fixed_dictionaries({letter: st.integers(0, 60) for letter in ORDER})
tables = st.dictionaries(st.sampled_from("abcdefg"), counts, min_size=1)


@pytest.mark.parametrize(
    ("count", "base", "hidden"),
    [
        (0, 30, True),
        (5, 30, True),
        (6, 30, False),
        (24, 30, False),
        (25, 30, True),
        (30, 30, True),
        (6, 6, True),
    ],
)
def test_one_threshold_function_hides_small_numbers_and_small_complements(count, base, hidden):
    """SDC-05, SDC-06, SDC-10."""
    assert is_hidden(count, base) is hidden


def test_a_study_can_be_stricter_but_not_laxer():
    assert (k_of({}), k_of({"k": 10}), k_of({"k": 3})) == (6, 10, 6)


@given(tables, st.integers(6, 12))
def test_sdc_10_property_no_number_of_a_breakdown_nor_what_the_total_leaves_is_below_the_threshold(table, k):
    """Lines and parts are the same for all and hold everybody: whatever is subtracted is one of them."""
    lines = breakdown(table, order=ORDER, k=k)
    for line in lines:
        assert list(line.counts) == list(lines[0].counts)
        assert sum(line.counts.values()) == line.base
        assert not any(is_hidden(count, line.base, k) for count in line.counts.values())
    if lines:
        shown = sorted(name for line in lines for name in line.groups)
        assert shown == sorted(name for name in table if sum(table[name].values()))
        assert sum(line.base for line in lines) == sum(sum(group.values()) for group in table.values())
        assert sum(len(line.groups) > 1 for line in lines) <= 1


def test_sdc_10_the_only_small_group_takes_another_with_it():
    """Else it would be the total less all others."""
    lines = breakdown(
        {
            "nb": {"I": 3, "NC": 4},
            "uk": {"I": 40, "NC": 50},
            "ru": {"I": 12, "NC": 9},
            "en": {"I": 20, "NC": 8},
        },
        order=ORDER,
        k=6,
    )
    assert [(line.groups, line.base) for line in lines] == [(("uk",), 90), (("en",), 28), (("nb", "ru"), 28)]


def test_sdc_10_categories_are_told_apart_in_all_lines_or_in_none():
    groups = {"uk": {"I": 40, "P": 8, "NC": 50}, "ru": {"I": 12, "P": 2, "NC": 9}}
    (uk, ru) = breakdown(groups, order=ORDER, k=6)
    assert (uk.count({"I"}), uk.count({"P"}), uk.count({"P", "NC"})) == (40, None, 58)
    assert (ru.count({"I"}), ru.count({"P"}), ru.count({"I", "P", "NC", "NE"})) == (12, None, 23)
    groups["ru"]["P"] = 6
    assert [line.count({"P"}) for line in breakdown(groups, order=ORDER, k=6)] == [8, 6]


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"uk": {}},
        {"uk": {"I": 90}},
        {"uk": {"I": 3, "NC": 90}},
        {"uk": {"I": 30, "NC": 90}, "ru": {"I": 1}},
    ],
)
def test_sdc_10_nothing_is_broken_down_where_nothing_may_be_shown(groups):
    assert breakdown(groups, order=ORDER, k=6) == []
