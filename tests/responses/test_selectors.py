"""A wave's answers as coded rows: who is in them, what stands for a missing answer, at what cost."""

from datetime import timedelta

import pytest

from panel.members import services as members
from panel.members.models import PanelMember
from panel.responses import selectors
from panel.responses.services import save_page
from tests.factories import answering
from tests.factories.answering import NOW, SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def field(db):
    return answering.in_field()


def answer(field, member, where, *, pages=99, now=NOW):
    page: str | None = "now"
    revision = 0
    while page and revision < pages:
        raw = {"where_live": [where]} if page == "now" else {}
        saved = save_page(
            case=field.case(member), page=page, raw=raw, language="en", revision=revision, now=now
        )
        page, revision = saved.next_page, saved.response.revision


def test_completed_responses_are_rows_of_codes(field):
    answer(field, field.amal, "moved_on")
    (row,) = selectors.coded_rows(field.wave)
    assert (row.member, row.language, row.completed) == (field.amal.pk, "en", True)
    assert row.values["where_live"] == "moved_on"
    assert row.values["exit_reasons_home"] == -2  # RES-06: not offered to who moved on
    assert row.values["region"] == -1  # not asked
    assert "comment" not in row.values


def test_who_broke_off_comes_only_when_asked_for(field):
    answer(field, field.amal, "in_norway")
    answer(field, field.other, "in_norway", pages=1)
    assert [row.member for row in selectors.coded_rows(field.wave)] == [field.amal.pk]
    rows = {row.member: row for row in selectors.coded_rows(field.wave, partials=True)}
    broke_off = rows[field.other.pk]
    assert not broke_off.completed
    assert (broke_off.values["where_live"], broke_off.values["work_status"]) == ("in_norway", -4)
    assert broke_off.values["region"] == -1


def test_law_06_law_10_members_who_delete_or_are_held_are_in_no_row(field):
    answer(field, field.amal, "in_norway")
    answer(field, field.other, "in_norway")
    members.set_status(by=SYSTEM, member=field.amal, status=PanelMember.Status.DELETING, now=NOW)
    held = members.hold(by=SYSTEM, member=field.other, kind="restriction", reason="asked", now=NOW)
    assert list(selectors.coded_rows(field.wave, partials=True)) == []
    assert not selectors.of_wave(field.wave).exists()
    members.lift(by=SYSTEM, held=held, now=NOW + timedelta(hours=1))
    members.set_status(by=SYSTEM, member=field.amal, status=PanelMember.Status.LEFT, now=NOW)
    assert {row.member for row in selectors.coded_rows(field.wave)} == {field.amal.pk, field.other.pk}


def test_rows_cost_the_same_number_of_queries_however_many(field, django_assert_max_num_queries):
    answer(field, field.amal, "in_norway")
    answer(field, field.other, "returned")
    with django_assert_max_num_queries(2):
        assert len(list(selectors.coded_rows(field.wave))) == 2


def test_nev_08_looking_at_a_case_stores_nothing(field):
    response = selectors.response_of(field.case())
    assert (response.revision, response.language) == (0, "uk")
    assert response._state.adding
