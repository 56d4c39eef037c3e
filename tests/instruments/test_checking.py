"""What comes from a browser is kept, or sent back with a sentence in the respondent's language."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import panel.instruments.checking
from panel.instruments.checking import TEXT_LIMIT, check
from panel.instruments.xlsform import compile_form
from tests.instruments.forms import END, EXITNORWAY, YES_NO, form, item, one_page, option, page

TODAY = date(2023, 10, 2)
FORM = compile_form(EXITNORWAY.read_bytes())
LEFT = {"where_live": "returned"}


def checked(q, raw, answers=None, page="one", lang="en"):
    return check(q, page, answers or {}, raw, lang=lang, today=TODAY)


# --- kinds


def test_one_of_the_offered_answers(exitnorway):
    assert checked(exitnorway, {"where_live": ["returned"]}, page="now").answers == LEFT
    for sent in (["nowhere"], ["returned", "moved_on"]):
        outcome = checked(exitnorway, {"where_live": sent}, page="now")
        assert outcome.answers == {}
        assert outcome.errors == {"where_live": "Please choose one of the answers."}


def test_several_answers_come_in_the_forms_order(exitnorway):
    outcome = checked(exitnorway, {"exit_reasons": ["no_work", "home"]}, LEFT, "reasons")
    assert outcome.answers == {"exit_reasons": ["home", "no_work"]}


def test_res_06_an_option_that_was_not_offered_is_not_taken(exitnorway):
    outcome = checked(exitnorway, {"exit_reasons": ["never_planned"]}, LEFT, "reasons")
    assert outcome.errors == {"exit_reasons": "Please choose among the answers."}


def test_prefer_not_to_say_stands_alone(exitnorway):
    assert checked(exitnorway, {"exit_reasons": ["not_said"]}, LEFT, "reasons").answers
    outcome = checked(exitnorway, {"exit_reasons": ["not_said", "home"]}, LEFT, "reasons")
    assert "not both" in outcome.errors["exit_reasons"]


@pytest.mark.parametrize(("sent", "kept"), [("0", 0), (" 17 ", 17), ("007", 7)])
def test_a_whole_number(sent, kept):
    assert checked(one_page(item(name="n")), {"n": [sent]}).answers == {"n": kept}


@pytest.mark.parametrize("sent", ["-1", "1.5", "two", "1e3", "²", "٣", "9" * 10])
def test_what_is_no_whole_number_goes_back(sent):
    outcome = checked(one_page(item(name="n")), {"n": [sent]})
    assert outcome.errors == {"n": "Please write a whole number with digits."}


def month(year, number):
    return {"left_month-year": [year], "left_month-month": [number]}


@pytest.mark.parametrize("raw", [month("2022", "5"), month("2022", "05")])
def test_res_02_a_month_is_kept_as_a_month(exitnorway, raw):
    assert checked(exitnorway, raw, LEFT, "leaving").answers == {"left_month": "2022-05"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (month("2022", ""), "both a month and a year"),
        (month("", "5"), "both a month and a year"),
        (month("2022", "13"), "choose a month"),
        (month("22", "5"), "choose a month"),
        (month("2023", "11"), "from February 2022"),
        (month("2022", "01"), "from February 2022"),
    ],
)
def test_a_month_that_can_not_be_goes_back(exitnorway, raw, words):
    outcome = checked(exitnorway, raw, LEFT, "leaving")
    assert words in outcome.errors["left_month"]
    assert "left_month" not in outcome.answers


def test_this_month_may_be_chosen_and_none_too(exitnorway):
    assert checked(exitnorway, month("2023", "10"), LEFT, "leaving").answers == {"left_month": "2023-10"}
    assert checked(exitnorway, month("", ""), LEFT, "leaving") == checked(exitnorway, {}, LEFT, "leaving")


def test_a_long_text_goes_back(exitnorway):
    outcome = checked(exitnorway, {"comment": ["x" * (TEXT_LIMIT + 1)]}, page="last")
    assert str(TEXT_LIMIT) in outcome.errors["comment"]


def test_signs_that_postgresql_cannot_store_are_left_out(exitnorway):
    """Its error would show the answers, where the member lives among them."""
    sent = {"comment": ["\x00Well\x00 and\tgood\r\nhere\x1b\x00"]}
    assert checked(exitnorway, sent, LEFT, "last").answers == {"comment": "Well and\tgood\nhere"}
    assert checked(exitnorway, {"comment": ["\x00"]}, LEFT, "last").answers == {}


def test_nev_04_an_identity_number_is_masked_with_a_word_to_the_writer(exitnorway):
    outcome = checked(exitnorway, {"comment": ["DUF 202212345601, takk"]}, page="last", lang="nb")
    assert outcome.answers == {"comment": "DUF •••, takk"}
    assert outcome.notices == {
        "comment": "Vi fjernet noe som lignet et identitetsnummer. Ikke skriv slike numre her."
    }
    assert outcome.errors == {}


# --- the page as a whole


def test_what_the_page_does_not_ask_is_ignored(exitnorway):
    raw = {"exit_reasons": ["home"], "where_live": ["moved_on"], "region": ["west"], "csrf": ["x"]}
    assert checked(exitnorway, raw, {"where_live": "in_norway"}, "people").answers == {}
    assert checked(exitnorway, raw, {"where_live": "in_norway"}, "reasons").answers == {}
    assert checked(exitnorway, raw, {"where_live": "moved_on"}, "leaving").answers == {}


def test_only_where_one_lives_must_be_answered(exitnorway):
    """Taking part is voluntary question by question; this one decides the way."""
    assert [one.name for one in exitnorway.items() if one.required] == ["where_live"]
    assert checked(exitnorway, {}, page="now").errors == {"where_live": "Please answer this question."}
    assert checked(exitnorway, {}, page="work").errors == {}


def test_a_requirement_may_hang_on_an_earlier_answer():
    q = form(
        page("one"),
        item("select_one yn", "a"),
        END,
        page("two"),
        item(name="b", required="${a} = 'yes'"),
        END,
    )
    assert checked(q, {}, {"a": "yes"}, "two").errors
    assert not checked(q, {}, {"a": "no"}, "two").errors


def test_a_constraint_sees_this_page_and_earlier_ones():
    q = form(
        page("one"), item(name="a"), END,
        page("two"), item(name="b"), item(name="c", constraint=". >= ${b} and . >= ${a}"), END,
    )  # fmt: skip
    assert not checked(q, {"b": ["2"], "c": ["3"]}, {"a": 3}, "two").errors
    assert checked(q, {"b": ["2"], "c": ["3"]}, {"a": 4}, "two").errors == {"c": "Please check this answer."}
    assert checked(q, {"b": ["4"], "c": ["3"]}, {"a": 1}, "two").answers == {"b": 4}


def test_none_of_these_stands_alone(exitnorway):
    answers = {"where_live": "in_norway"}
    outcome = checked(exitnorway, {"contacts": ["no_one", "family"]}, answers, "norway", "ru")
    assert outcome.errors == {"contacts": "Выберите, пожалуйста, или «почти ни с кем», или другие ответы."}
    outcome = checked(
        exitnorway, {"plan_matters": ["work", "family", "safety", "other"]}, answers, "ahead", "nb"
    )
    assert outcome.errors == {"plan_matters": "Velg høyst tre."}


def test_every_word_to_a_respondent_is_in_four_languages():
    source = Path(panel.instruments.checking.__file__)
    catalogues = [
        (source.parent / "locale" / language / "LC_MESSAGES/django.po").read_text()
        for language in ("nb", "uk", "ru")
    ]
    messages = [line for line in source.read_text().split("_(")[1:]]
    assert len(messages) == 10
    for message in messages:
        text = message.split('"')[1]
        assert all(f'msgid "{text}"' in catalogue for catalogue in catalogues)
    assert not any('msgstr ""\n\n' in catalogue.split("\n\n", 1)[1] for catalogue in catalogues)


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Please answer this question."),
        ("nb", "Svar på dette spørsmålet."),
        ("uk", "Дайте, будь ласка, відповідь на це запитання."),
        ("ru", "Ответьте, пожалуйста, на этот вопрос."),
    ],
)
def test_errors_speak_the_respondents_language(exitnorway, lang, sentence):
    assert checked(exitnorway, {}, page="now", lang=lang).errors == {"where_live": sentence}


@settings(deadline=None)
@given(
    page=st.sampled_from([one.name for one in FORM.pages]),
    where=st.sampled_from(["in_norway", "returned", "moved_on", "away", "not_said", ""]),
    raw=st.dictionaries(
        st.sampled_from([one.name for one in FORM.items()] + ["left_month-year", "left_month-month"]),
        st.lists(
            st.text(max_size=12) | st.sampled_from(["yes", "home", "not_said", "2022", "05"]), max_size=4
        ),
    ),
)
def test_whatever_is_sent_is_kept_or_answered(page, where, raw):
    outcome = check(FORM, page, {"where_live": where}, raw, lang="uk", today=TODAY)
    assert not set(outcome.answers) & set(outcome.errors)
    assert all(outcome.errors.values())


def test_a_choice_labelled_as_refusal_is_found_by_its_column_not_its_code():
    choices = (*YES_NO, option("rather_not", gj_missing="refusal"))
    q = one_page(item("select_multiple yn", "a"), choices=choices)
    assert checked(q, {"a": ["rather_not", "yes"]}).errors
