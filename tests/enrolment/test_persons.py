"""One person in several studies: a mark for them alone, found where an address comes in (docs/adr/0014)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from panel.enrolment import addresses, persons, tasks
from panel.members.models import PanelMember
from panel.vault import services as vault
from tests.factories import cast
from tests.factories.cast import NOW, SYSTEM
from tests.factories.recruits import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def two():
    return cast.study(), cast.study("second", name="Second")


def marks(*members: PanelMember) -> list[object]:
    found = dict(PanelMember.objects.values_list("pk", "person"))
    return [found[member.pk] for member in members]


def move(member: PanelMember, address: str) -> None:
    addresses.change_address(by=SYSTEM, member=member, address=address, now=NOW)
    member.refresh_from_db()


def test_who_is_in_one_study_has_no_mark(two):
    here = cast.people(two[0], 3)
    there = cast.people(two[1], 2, start=7)
    assert marks(*here, *there) == [None] * 5


def test_the_same_person_in_two_studies_has_one_random_mark_in_both(two):
    here = cast.amal(two[0])
    there = cast.amal(two[1])
    one, other = marks(here, there)
    assert one == other is not None
    third = cast.study("third", name="Third")
    assert set(marks(here, there, cast.amal(third))) == {one}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"Fornavn": "AMAL "}, True),
        ({"Fornavn": "Basma"}, False),
        ({"Fødselsår": "1961"}, False),
        ({"E_post": "else@example.org"}, False),
    ],
)
def test_a_person_is_known_as_within_a_study_by_address_first_name_and_birth_year(two, changes, same):
    here = cast.amal(two[0])
    there = cast.amal(two[1], **changes)
    assert (marks(here)[0] is not None) == same
    assert len(set(marks(here, there))) == 1 + (not same and marks(here)[0] is not None)


def test_each_of_a_household_has_their_own_mark(two):
    family = (row(1), row(2, Fornavn="Basma", E_post="amal@example.org"))
    for study in two:
        cast.enrol(study, *family)
    found = PanelMember.objects.exclude(person=None).values_list("person", flat=True)
    assert len(found) == 4
    assert len(set(found)) == 2


def test_law_09_a_changed_address_keeps_the_mark_and_may_bring_one(two):
    here = cast.amal(two[0])
    (elsewhere,) = cast.people(two[1], 1, changes={"E_post": "old@example.org"})
    assert marks(here, elsewhere) == [None, None]
    move(elsewhere, "amal@example.org")
    one, other = marks(here, elsewhere)
    assert one == other is not None
    move(elsewhere, "later@example.org")
    assert marks(here, elsewhere) == [one, one], "whoever moves stays the same person"


def test_two_marks_of_one_person_become_one(two):
    third, fourth = cast.study("third", name="Third"), cast.study("fourth", name="Fourth")
    first = [cast.amal(study) for study in two]
    second = [cast.amal(study, E_post="old@example.org") for study in (third, fourth)]
    assert len(set(marks(*first, *second))) == 2
    move(second[0], "amal@example.org")
    assert len(set(marks(*first, *second))) == 1


def test_a_mark_that_one_is_left_with_is_gone_the_night_after(two):
    here, there = cast.amal(two[0]), cast.amal(two[1])
    tasks.sweep_orphans()
    assert marks(here)[0] is not None
    there.delete()
    tasks.sweep_orphans()
    assert marks(here) == [None]


def test_a_lone_mark_that_somebody_joins_meanwhile_stays(two, monkeypatch):
    here, there = cast.amal(two[0]), cast.amal(two[1])
    (mark,) = set(marks(here, there))
    there.delete()
    found = persons._lone

    def and_then_joined(members):
        alone = found(members)
        if not PanelMember.objects.filter(study=two[1]).exists():
            cast.amal(two[1])
        return alone

    monkeypatch.setattr(persons, "_lone", and_then_joined)
    assert persons.drop_lone() == 0
    assert set(marks(here, PanelMember.objects.get(study=two[1]))) == {mark}


def test_no_card_is_opened_for_it_where_there_is_one_study(monkeypatch):
    study = cast.study()

    def opened(_addresses):
        raise AssertionError("a card was opened")

    monkeypatch.setattr(vault, "find_by_address", opened)
    monkeypatch.setattr(persons.vault, "find_by_address", opened)
    cast.amal(study)


def test_everybody_of_a_file_is_marked_with_their_own(two):
    here, there = cast.people(two[0], 8), cast.people(two[1], 8)
    assert all(marks(*here, *there))
    assert len(set(marks(*here, *there))) == 8


def test_all_of_a_person_are_locked_in_the_order_of_a_sending_worker_before_any_is_marked(two):
    """Bearers of an old mark too: two that lock the same people in different orders wait for each other."""
    third, fourth = cast.study("third", name="Third"), cast.study("fourth", name="Fourth")
    first = [cast.amal(study) for study in two]
    second = [cast.amal(study, E_post="old@example.org") for study in (third, fourth)]
    with CaptureQueriesContext(connection) as asked:
        move(second[0], "amal@example.org")
    said = [one["sql"] for one in asked.captured_queries]
    marked = next(
        at for at, sql in enumerate(said) if sql.startswith('UPDATE "members_panelmember" SET "person"')
    )
    (held,) = [
        sql
        for sql in said[:marked]
        if sql.startswith('SELECT "members_panelmember"."id" AS "pk"') and "ORDER BY 1 ASC" in sql
    ]
    assert all(any(form in held for form in (str(one.pk), one.pk.hex)) for one in (*first, *second))
    assert ("FOR NO KEY UPDATE" in held) == connection.features.has_select_for_update
