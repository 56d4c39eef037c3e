"""RES-01 to RES-05: spells, flags and the reviewed place, as pure functions of what a member told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.members.models import PanelMember
from panel.residency import rules
from panel.residency.models import Flag
from panel.residency.rules import Told

HOME, BACK, ON, AWAY = "in_norway", "returned", "moved_on", "away"

months = st.builds("{:04d}-{:02d}".format, st.integers(2022, 2025), st.integers(1, 12))
told = st.builds(
    Told,
    number=st.just(0),
    place=st.sampled_from(PanelMember.Place.values),
    told=months,
    month=st.one_of(st.just(""), months),
    arrived=st.one_of(st.just(""), months),
    region=st.sampled_from(["", "west", "south_east"]),
    flag=st.sampled_from(["", *Flag.State.values]),
)


def _in_order(evidence: list[Told]) -> list[Told]:
    """Numbered in the order of telling."""
    return [replace(one, number=n) for n, one in enumerate(sorted(evidence, key=lambda one: one.told), 1)]


histories = st.lists(told, max_size=6).map(_in_order)


@given(histories)
def test_res_02_spells_follow_one_another_and_only_the_last_is_open(evidence):
    spells = rules.spells(evidence)
    assert [s.end for s in spells] == [s.start for s in spells[1:]] + [""] * bool(spells)
    assert [s.start for s in spells] == sorted(s.start for s in spells)
    assert all(first.place != second.place for first, second in zip(spells, spells[1:], strict=False))
    assert len({(s.start, s.place) for s in spells}) == len(spells)


@given(histories, st.randoms())
def test_res_04_spells_hang_on_what_was_told_not_on_how_it_is_stored(evidence, random):
    shuffled = random.sample(evidence, len(evidence))
    assert rules.spells(shuffled) == rules.spells(evidence)
    assert rules.reviewed_place(shuffled) == rules.reviewed_place(evidence)


@given(histories)
def test_spells_hold_months_that_were_told_and_places_that_were_told(evidence):
    named = {month for one in evidence for month in (one.told, one.month, one.arrived)}
    for spell in rules.spells(evidence):
        assert rules.is_month(spell.start)
        assert spell.start in named
        assert spell.place in rules.KNOWN


@given(histories)
def test_the_last_counting_place_is_where_the_last_spell_is(evidence):
    counting = rules.counting(evidence)
    spells = rules.spells(evidence)
    assert bool(counting) == bool(spells)
    if counting:
        assert spells[-1].place == counting[-1].place


@given(histories)
def test_telling_the_same_again_changes_nothing(evidence):
    again = [
        replace(one, number=len(evidence) + 1, flag="") for one in evidence[-1:] if one.flag != "dismissed"
    ]
    assert rules.spells([*evidence, *again]) == rules.spells(evidence)


@given(histories)
def test_what_was_not_said_changes_nothing(evidence):
    silence = [
        Told(len(evidence) + 1 + n, place, "2026-01") for n, place in enumerate(("not_said", "unknown"))
    ]
    assert rules.spells([*evidence, *silence]) == rules.spells(evidence)
    assert rules.reviewed_place([*evidence, *silence]) == rules.reviewed_place(evidence)
    assert rules.flag_for(evidence, silence[0]) is None


@given(histories, told)
def test_a_dismissed_telling_leaves_no_spell(evidence, one):
    dismissed = replace(one, number=len(evidence) + 1, flag="dismissed")
    assert rules.spells([*evidence, dismissed]) == rules.spells(evidence)


@given(histories)
def test_a_place_outside_norway_comes_only_from_a_confirmed_flag(evidence):
    place = rules.reviewed_place(evidence)
    if place not in ("in_norway", "unknown"):
        assert (place, "confirmed") in {(one.place, one.flag) for one in evidence}


def spell_texts(*evidence: Told) -> list[str]:
    return [f"{s.place} {s.start}-{s.end}" for s in rules.spells(evidence)]


def test_arrived_left_and_came_back():
    first = Told(1, BACK, "2023-10", month="2022-10", arrived="2022-05", region="west")
    second = Told(2, HOME, "2024-10", arrived="2024-03")
    assert spell_texts(first, second) == [
        "in_norway 2022-05-2022-10",
        "returned 2022-10-2024-03",
        "in_norway 2024-03-",
    ]


def test_an_arrival_told_later_begins_the_first_spell():
    assert spell_texts(Told(1, HOME, "2023-10"), Told(2, HOME, "2024-10", arrived="2022-04")) == [
        "in_norway 2022-04-"
    ]


def test_a_month_that_was_not_told_is_the_month_of_telling_and_says_so():
    (spell,) = rules.spells([Told(1, BACK, "2023-10")])
    assert (spell.start, spell.start_told) == ("2023-10", False)


def test_came_and_left_in_one_month():
    one = Told(1, BACK, "2023-10", month="2022-05", arrived="2022-05")
    assert spell_texts(one) == ["in_norway 2022-05-2022-05", "returned 2022-05-"]


def test_the_region_told_with_a_telling_that_takes_another_back_is_kept():
    said = [Told(1, BACK, "2022-01"), Told(2, HOME, "2023-01"), Told(3, BACK, "2023-01", region="west")]
    assert rules.spells(said) == [rules.Stretch(BACK, "west", "2022-01", start_told=False)]


IN = Told(1, HOME, "2023-10")
GONE = Told(1, BACK, "2023-10", month="2023-02")


@pytest.mark.parametrize(
    ("earlier", "one", "kind"),
    [
        ([], Told(1, HOME, "2023-10"), None),
        ([], Told(1, "not_said", "2023-10"), None),
        ([], GONE, "left"),
        ([], Told(1, ON, "2023-10"), "left"),
        ([], Told(1, AWAY, "2023-10"), "changed"),
        ([], Told(1, BACK, "2023-10", month="2022-03", arrived="2022-05"), "contradiction"),
        ([], Told(1, BACK, "2023-10", month="2024-01"), "contradiction"),
        ([IN], Told(2, HOME, "2024-10"), None),
        ([IN], Told(2, BACK, "2024-10", month="2024-01"), "left"),
        ([IN], Told(2, BACK, "2024-10", month="2023-01"), "contradiction"),
        ([IN], Told(2, BACK, "2023-10"), "contradiction"),
        ([GONE], Told(2, BACK, "2024-10", month="2023-03"), None),
        ([GONE], Told(2, BACK, "2024-10", month="2023-09"), "contradiction"),
        ([GONE], Told(2, ON, "2024-10", month="2024-02"), "changed"),
        ([GONE], Told(2, HOME, "2024-10"), "changed"),
        ([GONE], Told(2, HOME, "2023-10"), "contradiction"),
        ([replace(GONE, flag="dismissed")], Told(2, BACK, "2024-10", month="2023-02"), "left"),
    ],
)
def test_res_05_what_raises_a_flag(earlier, one, kind):
    assert rules.flag_for(earlier, one) == kind


def test_a_flag_can_be_reviewed_anew_but_never_unreviewed():
    assert set(rules.TRANSITIONS) == set(Flag.State.values)
    assert all("open" not in following for following in rules.TRANSITIONS.values())


def test_nev_03_rules_take_nothing_but_what_was_told():
    """A bounce, a silence, a language or a time zone has no way in."""
    assert set(Told.__dataclass_fields__) == {"number", "place", "told", "month", "arrived", "region", "flag"}
