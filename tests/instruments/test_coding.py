"""Files tell not asked, not offered, prefer not to say, broke off and no answer from not chosen (RES-06)."""

import csv
from collections import Counter
from datetime import date

from panel.instruments import routing
from panel.instruments.checking import check
from panel.instruments.coding import coded, columns
from panel.instruments.questionnaire import Value
from panel.missing import MISSING_LABELS, Missing
from tests.instruments.forms import DATA, END, form, item, next_page, page, sent

RESIDENT: dict[str, Value] = {"where_live": "in_norway", "children": "none", "contacts": ["family"]}


def test_res_06_the_codes_are_the_agreed_ones():
    codes = {"not asked": -1, "not offered": -2, "prefer not to say": -3, "broke off": -4, "no answer": -5}
    assert {label: missing.value for missing, label in MISSING_LABELS.items()} == codes


def test_res_06_each_reason_for_a_missing_answer_has_its_code(exitnorway):
    row = coded(
        exitnorway, {"where_live": "moved_on", "exit_reasons": ["family"], "norway_again": "not_said"}
    )
    assert row["exit_reasons_family"] == 1
    assert row["exit_reasons_no_work"] == 0
    assert row["exit_reasons_home"] == Missing.NOT_OFFERED
    assert row["region"] == Missing.NOT_ASKED
    assert row["norway_again"] == Missing.REFUSED
    assert row["left_month"] == Missing.SKIPPED
    assert row["where_live"] == "moved_on"


def test_res_06_who_prefers_not_to_say_did_not_choose_nothing(exitnorway):
    row = coded(exitnorway, {"where_live": "returned", "exit_reasons": ["not_said"]})
    assert row["exit_reasons_home"] == Missing.REFUSED
    assert row["exit_reasons_language"] == Missing.NOT_OFFERED
    assert "exit_reasons_not_said" not in row


def test_res_06_who_broke_off_saw_nothing_from_there_on(exitnorway):
    row = coded(exitnorway, RESIDENT, broke_off="norway")
    assert row["children"] == "none"
    assert row["work_status"] == Missing.SKIPPED
    assert row["norwegian"] == Missing.BROKE_OFF
    assert row["home"] == Missing.BROKE_OFF
    assert row["exit_reasons_home"] == Missing.NOT_ASKED, "where they live is known: they weren't to be asked"


def test_who_broke_off_on_the_first_page_was_to_be_asked_nobody_knows_what(exitnorway):
    assert set(coded(exitnorway, {}, broke_off="now").values()) == {Missing.BROKE_OFF}


def test_answers_that_no_longer_count_are_not_coded(exitnorway):
    row = coded(exitnorway, {**RESIDENT, "exit_reasons": ["home"], "left_month": "2022-05"})
    assert row["exit_reasons_home"] == Missing.NOT_ASKED
    assert row["left_month"] == Missing.NOT_ASKED


def test_every_row_has_every_column_and_no_free_text(exitnorway):
    names = [column.name for column in columns(exitnorway)]
    assert len(set(names)) == len(names)
    told: dict[str, Value] = {"where_live": "returned", "comment": "secret"}
    for answers in ({}, RESIDENT, told):
        row = coded(exitnorway, answers)
        assert list(row) == names
        assert "secret" not in row.values()
    assert "comment" not in names


def test_numbers_and_months_are_their_own_code():
    q = form(page(), item(name="n"), item("date", "m", appearance="month-year"), END)
    assert coded(q, {"n": 0, "m": "2022-05"}) == {"n": 0, "m": "2022-05"}


def test_columns_say_what_their_codes_mean(exitnorway):
    by_name = {column.name: column for column in columns(exitnorway)}
    assert by_name["home"].labels(exitnorway)["both"]["nb"] == "Begge steder"
    assert "not_said" not in by_name["home"].labels(exitnorway)
    assert list(by_name["exit_reasons_safer"].labels(exitnorway)) == ["safer"]
    assert set(MISSING_LABELS) == set(Missing)


# --- Table 1 of "Why Exit?"


def rows(name):
    with (DATA / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def answer_as(q, leaver):
    """The 2023 wave as this leaver answers it, page by page."""
    wanted = {
        "where_live": "returned" if leaver["left_for"] == "ukraine" else "moved_on",
        "left_month": leaver["left"],
        "region": leaver["region"],
        "exit_reasons": leaver["reasons"].split(),
        "interview": leaver["interview_consent"],
    }
    answers, here = dict[str, Value](), next_page(q, None, {})
    while here is not None:
        checked = check(q, here, answers, sent(q, here, wanted), lang="uk", today=date(2023, 10, 2))
        assert not checked.errors
        answers = routing.settled(q, {**answers, **checked.answers})
        here = next_page(q, here, answers)
    return answers


def test_res_06_table_1_is_reproduced(exitnorway):
    """21 people, 59 choices, each option with its base: those it was offered to."""
    files = [coded(exitnorway, answer_as(exitnorway, leaver)) for leaver in rows("leavers_2023.csv")]
    chosen, offered = Counter[str](), Counter[str]()
    for row in files:
        for name, value in row.items():
            if name.startswith("exit_reasons_"):
                code = name.removeprefix("exit_reasons_")
                chosen[code] += value == 1
                offered[code] += value in (0, 1)
    published = {row["code"]: row for row in rows("why_exit_table1.csv")}
    assert len(files) == 21
    assert chosen == {code: int(row["n"]) for code, row in published.items()}
    assert chosen.total() == 59
    bases = {"all": 21, "returned": 15, "moved_on": 6}
    assert offered == {code: bases[row["asked_of"]] for code, row in published.items()}
