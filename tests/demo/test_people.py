"""The example's people: leavers are members who arrived in that month, and plans come out to the person."""

import random
from collections import Counter

from panel.demo import people


def members():
    return people.persons(people.file_rows())


def test_each_leaver_is_a_member_who_arrived_in_that_month():
    played = members()
    left = people.match(played, people.leavers(), random.Random(1))
    assert len(left) == 21
    assert all(left[p.email].arrived == p.arrived for p in played if p.email in left)


def test_the_leavers_reasons_are_those_of_table_1():
    chosen = Counter(reason for leaver in people.leavers() for reason in leaver.reasons)
    assert chosen == people.expected_reasons()
    assert sum(chosen.values()) == 59


def test_one_in_ten_of_those_who_finish_wants_to_return_when_the_war_ends():
    played = members()
    conducts = people.plan_wave(played, {}, random.Random(2), wants_back=0.10)
    finish = [
        c
        for c in conducts.values()
        if c.answers_to is not None and (c.breaks_off_after is None or c.comes_back)
    ]
    assert [c.profile["return_plan"] for c in finish].count("war_ends") == round(0.10 * len(finish))


def test_everybody_who_stops_takes_another_rung():
    conducts = people.plan_wave(members(), {}, random.Random(3))
    assert {c.stop for c in conducts.values()} >= {*people.STOPS}


def test_the_same_seed_gives_the_same_year():
    played = members()
    assert people.plan_wave(played, {}, random.Random(4)) == people.plan_wave(played, {}, random.Random(4))
