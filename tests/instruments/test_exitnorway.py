"""The example's questionnaire: four whole languages, the published reasons, nothing that must not be."""

import csv
import json
import re
import tomllib

import pytest

from panel.demo.forms import make
from panel.instruments.questionnaire import Kind
from panel.instruments.xlsform import compile_form
from tests.instruments.forms import DATA, offered

LANGUAGES = ("en", "nb", "ru", "uk")
with (DATA / "why_exit_table1.csv").open(encoding="utf-8-sig") as table:
    PUBLISHED = list(csv.DictReader(table))


def texts(q):
    for page in q.pages:
        yield page.labels
        for item in page.items:
            yield from (one for one in (item.labels, item.hints, item.constraint_messages) if one)
    for choices in q.choices.values():
        yield from (choice.labels for choice in choices)


def test_the_workbook_is_made_of_the_text(exitnorway):
    made = make.workbook(tomllib.loads(make.SOURCE.read_text(encoding="utf-8")))
    assert compile_form(made) == exitnorway


def test_four_languages_are_complete(exitnorway):
    assert exitnorway.languages == LANGUAGES
    for labels in texts(exitnorway):
        assert set(labels) == set(LANGUAGES)
        assert all(text.strip() and text == text.strip() for text in labels.values())


def test_each_language_is_written_in_its_own_letters(exitnorway):
    for labels in texts(exitnorway):
        assert not re.search("[а-яіїєґ]", labels["en"] + labels["nb"], re.IGNORECASE)
        assert not re.search("[a-z]", (labels["uk"] + labels["ru"]).replace("EXITNORWAY", ""), re.IGNORECASE)
        assert not re.search("[ыэъё]", labels["uk"], re.IGNORECASE)
        assert not re.search("[іїєґ]", labels["ru"], re.IGNORECASE)


def test_labels_differ_between_the_options_of_a_question(exitnorway):
    for where in ("in_norway", "returned", "moved_on", "away", "not_said"):
        answers = {"where_live": where, "children": "one"}
        for item in exitnorway.items():
            shown = offered(exitnorway, item.name, answers)
            for language in LANGUAGES:
                labels = [choice.labels[language] for choice in shown]
                assert len(set(labels)) == len(labels)


def test_about_25_questions_on_7_or_8_pages(exitnorway):
    assert 23 <= len(exitnorway.items()) <= 27
    assert len(exitnorway.pages) <= 9


@pytest.mark.parametrize("place", ["returned", "moved_on"])
def test_res_06_the_14_reasons_go_to_those_they_are_for(exitnorway, place):
    shown = [choice.code for choice in offered(exitnorway, "exit_reasons", {"where_live": place})]
    wanted = {row["code"] for row in PUBLISHED if row["asked_of"] in ("all", place)}
    assert set(shown) - {"not_said"} == wanted
    assert len(shown) == len(set(shown))


def test_the_reasons_are_the_published_ones_with_their_factors(exitnorway):
    item = exitnorway.item("exit_reasons")
    assert set(exitnorway.codes(item)) == {row["code"] for row in PUBLISHED}
    factors = {choice.code: choice.factor for choice in exitnorway.options(item) if not choice.refusal}
    assert factors == {row["code"]: row["category"] for row in PUBLISHED}
    wordings: dict[str, list[str]] = {}
    for choice in exitnorway.options(item):
        wordings.setdefault(choice.code, []).append(choice.labels["en"])
    for row in PUBLISHED:
        own = [row["label_en"]] if row["code"] != "family" else wordings["family"]
        assert wordings[row["code"]] == own
    assert " / ".join(wordings["family"]).lower() == next(
        row["label_en"].lower() for row in PUBLISHED if row["code"] == "family"
    )


def test_res_01_and_res_02_residency_is_months_and_macro_regions(exitnorway):
    roles = {item.residency: item for item in exitnorway.items() if item.residency}
    assert set(roles) == {"status", "left_month", "region"}
    assert roles["left_month"].kind == Kind.MONTH
    assert exitnorway.codes(roles["region"]) == ("west", "central_north", "south_east")
    assert exitnorway.codes(roles["status"]) == ("in_norway", "returned", "moved_on", "away")
    assert exitnorway.item("where_live").rare == ("returned", "moved_on")


def test_what_tells_of_leaving_stays_out_of_microdata(exitnorway):
    leaving = [
        item for page in exitnorway.pages if page.name in ("leaving", "reasons") for item in page.items
    ]
    assert len(leaving) == 4
    assert all(item.tables_only and item.klass == "sensitive" for item in leaving)


def test_what_is_delicate_can_be_left_unsaid(exitnorway):
    for item in exitnorway.items():
        if item.kind in (Kind.SELECT_ONE, Kind.SELECT_MULTIPLE) and item.name != "interview":
            assert sum(choice.refusal for choice in exitnorway.options(item)) >= 1, item.name


def test_the_interview_is_asked_in_the_words_of_the_consent_form(exitnorway):
    consent = json.loads((DATA / "consent_2022-06-01.json").read_text(encoding="utf-8"))
    item = exitnorway.item("interview")
    assert item.purpose == "interview"
    assert item.labels == {language: consent["questions"]["interview"][language] for language in LANGUAGES}


def test_nev_04_one_free_text_and_nothing_that_names_a_place_or_day(exitnorway):
    assert [item.name for item in exitnorway.items() if item.kind == Kind.TEXT] == ["comment"]
    assert {item.kind for item in exitnorway.items()} <= set(Kind)
