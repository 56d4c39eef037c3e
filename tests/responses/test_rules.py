"""Which reason is told first, where "Next" leads, which pages are to be seen again."""

from datetime import UTC, datetime, timedelta

import pytest

from panel.instruments.routing import route
from panel.responses.rules import Standing, Why, after, enough, shown_page, still_saved, to_go_on, why_not
from tests.instruments.forms import END, YES_NO, form, item, page

NOW = datetime(2023, 10, 5, tzinfo=UTC)
OPEN = {
    "opens_at": NOW - timedelta(days=1),
    "closes_at": NOW + timedelta(days=1),
    "wave_open": True,
    "wave_closed": False,
    "member_active": True,
    "held": False,
    "completed": False,
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"closes_at": NOW}, Why.CLOSED),
        ({"wave_closed": True, "wave_open": False}, Why.CLOSED),
        ({"opens_at": NOW + timedelta(seconds=1)}, Why.NOT_OPEN),
        ({"wave_open": False}, Why.NOT_OPEN),
        ({"held": True}, Why.HELD),
        ({"completed": True, "wave_closed": True}, Why.COMPLETED),
        ({"member_active": False, "completed": True}, Why.LEFT),
    ],
)
def test_why_a_case_cannot_be_answered(changes, why):
    assert why_not(Standing(**{**OPEN, **changes}), now=NOW) == why


FORM = form(
    page("one"), item("select_one yn", "first"), END,
    page("two", relevant="${first} = 'yes'"), item("integer", "second"), END,
    page("three"), item("integer", "third"), item("integer", "fourth", relevant="${first} = 'yes'"), END,
    choices=YES_NO,
)  # fmt: skip
YES, NO = route(FORM, {"first": "yes"}), route(FORM, {"first": "no"})


def test_next_leads_to_the_next_page_of_the_way():
    assert after(YES, "one", ["one"]) == "two"
    assert after(NO, "one", ["one"]) == "three"


def test_at_the_end_next_leads_back_to_a_page_left_out():
    assert after(YES, "three", ["one", "three"]) == "two"
    assert after(YES, "three", ["one", "two", "three"]) is None


def test_a_page_that_asks_another_question_now_is_to_be_seen_again():
    assert still_saved(YES, NO, ["one", "two", "three"]) == ["one"]
    assert still_saved(YES, YES, ["one", "three"]) == ["one", "three"]
    assert to_go_on(NO, ["one"]) == "three"


@pytest.mark.parametrize(
    ("wanted", "shown"), [("one", "one"), ("two", "two"), ("three", "two"), ("nowhere", "two"), (None, "two")]
)
def test_a_page_is_shown_once_it_was_reached(wanted, shown):
    assert shown_page(YES, ["one"], wanted) == shown


@pytest.mark.parametrize(
    ("answers", "is_enough"),
    [
        ({}, False),
        ({"first": "yes"}, False),
        ({"first": "yes", "second": 1}, True),
        ({"first": "no"}, True),
    ],
)
def test_half_of_what_is_asked_is_enough_for_a_partial(answers, is_enough):
    """Of four questions after a yes, of two after a no."""
    assert enough(route(FORM, answers)) == is_enough
