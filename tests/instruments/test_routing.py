"""Who is asked what. Whatever is answered, and whatever is taken back, the form has an end."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.instruments import routing
from panel.instruments.checking import check
from panel.instruments.questionnaire import Kind, Value
from panel.instruments.xlsform import compile_form
from tests.instruments.forms import (
    END,
    EXITNORWAY,
    YES_NO,
    form,
    item,
    next_page,
    offered,
    one_page,
    option,
    page,
    sent,
)

TODAY = date(2023, 10, 2)
FORM = compile_form(EXITNORWAY.read_bytes())


def draw_page(data, q, name, answers):
    """Something a respondent might send for a page: for each item an answer, or none where none is needed."""
    picked = {}
    step = routing.route(q, answers).step(name)
    assert step is not None
    for one in step.items:
        codes = [choice.code for choice in step.offered.get(one.name, ())]
        values: st.SearchStrategy[str] | st.SearchStrategy[list[str]]
        if one.kind == Kind.SELECT_ONE:
            values = st.sampled_from(codes)
        elif one.kind == Kind.SELECT_MULTIPLE:
            values = st.lists(st.sampled_from(codes), min_size=1, max_size=3, unique=True)
        elif one.kind == Kind.MONTH:
            values = st.sampled_from(["2022-02", "2022-11", "2023-10"])
        elif one.kind == Kind.TEXT:
            values = st.text(min_size=1, max_size=30)
        else:
            continue
        value = data.draw(values if one.required else st.none() | values, label=one.name)
        if value is not None:
            picked[one.name] = value
    return picked


@settings(deadline=None)
@given(st.data())
def test_any_path_through_the_form_reaches_its_end(data):
    """Forward always ends, though somebody goes back now and then and answers anew."""
    q, answers, here = FORM, dict[str, Value](), next_page(FORM, None, {})
    saved, back = set(), 0
    while here is not None:
        raw = sent(q, here, draw_page(data, q, here, answers))
        checked = check(q, here, answers, raw, lang="uk", today=TODAY)
        if checked.errors:
            continue
        names = {one.name for one in q.page(here).items}
        kept = {name: value for name, value in answers.items() if name not in names}
        answers = routing.settled(q, {**kept, **checked.answers})
        saved.add(here)
        before = routing.route(q, answers).before(here)
        if before and back < 10 and data.draw(st.integers(0, 9), label="back?") == 0:
            here, back = before, back + 1
        else:
            here = next_page(q, here, answers)
    assert set(routing.route(q, answers).names()) <= saved | {
        "leaving",
        "reasons",
        "school",
        "norway",
    }
    assert routing.settled(q, answers) == answers


@pytest.mark.parametrize(
    ("where", "pages"),
    [
        ("in_norway", ["now", "people", "work", "norway", "ahead", "last"]),
        ("away", ["now", "people", "work", "norway", "ahead", "last"]),
        ("returned", ["now", "leaving", "reasons", "people", "work", "ahead", "last"]),
        ("moved_on", ["now", "leaving", "reasons", "people", "work", "ahead", "last"]),
        ("not_said", ["now", "people", "work", "ahead", "last"]),
    ],
)
def test_res_05_leavers_get_the_exit_module_and_others_don_t(exitnorway, where, pages):
    answers = {"where_live": where}
    assert routing.route(exitnorway, answers).names() == pages
    assert routing.route(exitnorway, answers).place("last") == (len(pages), len(pages))


def test_only_who_returned_is_asked_for_the_region(exitnorway):
    def names(where):
        step = routing.route(exitnorway, {"where_live": where}).step("leaving")
        return [one.name for one in step.items] if step else []

    assert names("returned") == ["left_month", "region"]
    assert names("moved_on") == ["left_month"]
    assert names("in_norway") == []


def test_parents_are_asked_about_school(exitnorway):
    answers = {"where_live": "in_norway", "children": "two"}
    assert next_page(exitnorway, "people", answers) == "school"
    assert next_page(exitnorway, "people", {**answers, "children": "none"}) == "work"
    assert routing.route(exitnorway, answers).before("work") == "school"
    assert routing.route(exitnorway, answers).before("now") is None


def test_progress_counts_the_pages_on_the_way(exitnorway):
    assert routing.route(exitnorway, {}).place("now") == (1, 5)
    assert routing.route(exitnorway, {"where_live": "moved_on"}).place("reasons") == (3, 7)


def test_who_goes_back_takes_the_old_branch_with_them(exitnorway):
    left: dict[str, Value] = {
        "where_live": "returned",
        "left_month": "2022-10",
        "region": "west",
        "exit_reasons": ["home", "no_work"],
    }
    assert routing.settled(exitnorway, {**left, "where_live": "in_norway"}) == {"where_live": "in_norway"}
    moved = routing.settled(exitnorway, {**left, "where_live": "moved_on"})
    assert moved == {"where_live": "moved_on", "left_month": "2022-10", "exit_reasons": ["no_work"]}


def test_an_answer_that_no_longer_counts_opens_no_further_page():
    """What hangs on a dropped answer is dropped too."""
    q = form(
        page("one"), item("select_one yn", "a"), END,
        page("two", relevant="${a} = 'yes'"), item("select_one yn", "b"), END,
        page("three", relevant="${b} = 'yes'"), item("select_one yn", "c"), END,
    )  # fmt: skip
    assert routing.route(q, {"a": "yes", "b": "yes"}).names() == ["one", "two", "three"]
    assert routing.route(q, {"a": "no", "b": "yes"}).names() == ["one"]
    assert routing.settled(q, {"a": "no", "b": "yes", "c": "yes"}) == {"a": "no"}


def test_a_page_without_questions_to_ask_is_left_out():
    q = form(
        page("one"), item("select_one yn", "a"), END,
        page("two"), item("select_one yn", "b", relevant="${a} = 'yes'"), END,
        page("three"), item(name="c"), END,
    )  # fmt: skip
    assert next_page(q, "one", {"a": "no"}) == "three"
    assert next_page(q, "one", {"a": "yes"}) == "two"


def test_of_two_wordings_of_a_code_one_is_shown():
    choices = (*YES_NO, option("no", to="x", **{"label::English (en)": "nope"}))
    q = one_page(
        item("select_one yn", "a", choice_filter="true()"), choices=choices, allow_choice_duplicates="yes"
    )
    assert [choice.labels["en"] for choice in offered(q, "a", {})] == ["yes", "no"]


def test_residency_answers_come_by_their_role(exitnorway):
    answers = {"where_live": "returned", "left_month": "2022-10", "region": "west", "home": "both"}
    assert routing.residency_answers(exitnorway, answers) == {
        "status": "returned",
        "left_month": "2022-10",
        "region": "west",
    }
    assert routing.residency_answers(exitnorway, {**answers, "where_live": "not_said"}) == {
        "status": "not_said"
    }
