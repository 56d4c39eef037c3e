"""The example's people: leavers are members who arrived in that month, and plans come out to the person."""

import csv
import io
import random
from collections import Counter

from panel.demo import people
from panel.vault.rules import tidy_address


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


def test_each_right_is_used_by_somebody_else_who_finished_the_wave_and_is_counted_nowhere():
    played = members()
    left = people.match(played, people.leavers(), random.Random(5))
    conducts = people.plan_wave(played, left, random.Random(5))
    cast = vars(people.cast(conducts, left, random.Random(5)))
    assert len(set(cast.values())) == len(cast) == 8
    assert not set(cast.values()) & left.keys()
    chosen = [conducts[address] for address in cast.values()]
    assert all(c.answers_to is not None and c.breaks_off_after is None and not c.stop for c in chosen)


def test_the_second_file_is_the_first_ones_kind_and_holds_two_who_agreed():
    rows = people.file_rows()
    again, beside = (person.email for person in members()[:2])
    first, second = csv.DictReader(
        io.StringIO(people.second_file(rows, again=again, beside=beside).decode()), delimiter=";"
    )
    assert list(first) == list(rows[0])
    assert [tidy_address(row["E-post"]) for row in (first, second)] == [again, people.NEWCOMER]
    assert {first["Samtykke ny kontakt"], second["Samtykke ny kontakt"]} == {"Ja"}
    assert not {first["Svar-ID"], second["Svar-ID"]} & {row["Svar-ID"] for row in rows}


def test_the_new_addresses_are_nobodys_in_the_file():
    assert not {tidy_address(row["E-post"]) for row in people.file_rows()} & {*people.NEW_ADDRESSES}
