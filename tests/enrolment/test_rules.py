"""Each check by itself, their order, the mapping's tidy rules."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.enrolment.mapping import MISSING, Recruitment
from panel.enrolment.rules import JudgedRow, Limits, Outcome, is_repairable, judge
from panel.errors import BadInput
from panel.missing import MISSING_LABELS, Missing
from tests.factories.cast import data
from tests.factories.recruits import Row, row

MAPPING: Mapping[str, object] = data("recruitment.json")


STRICT = Limits()


def judged(*rows: Row, limits: Limits = STRICT, mapping: Mapping[str, object] = MAPPING) -> list[JudgedRow]:
    header = list(rows[0])
    numbered = ((line, list(one.values())) for line, one in enumerate(rows, start=2))
    return judge(header, numbered, Recruitment.of(mapping, "uk"), limits)


def outcomes(*rows: Row) -> list[Outcome]:
    return [one.outcome for one in judged(*rows)]


# --- the checks and their order


@pytest.mark.parametrize(
    ("year", "outcome"),
    [
        ("2005", Outcome.MINOR),
        ("2004", Outcome.ENROLLED),
        ("2022", Outcome.MINOR),
        ("", Outcome.UNKNOWN_AGE),
        ("85", Outcome.UNKNOWN_AGE),
        ("1985?", Outcome.UNKNOWN_AGE),
        ("2023", Outcome.UNKNOWN_AGE),
        ("1850", Outcome.UNKNOWN_AGE),
        ("١٩٨٥", Outcome.UNKNOWN_AGE),
    ],
)
def test_NO_05_age_by_year(year, outcome):
    one = judged(row(1, Fødselsår=year))[0]
    assert one.outcome == outcome
    if outcome != Outcome.ENROLLED:
        assert one == JudgedRow(2, outcome), "nothing of the row is kept"


@pytest.mark.parametrize("sent", ["", "yesterday", "31.02.2022 10:00"])
def test_a_day_that_cannot_be_read_leaves_the_age_unknown(sent):
    assert outcomes(row(1, Innsendt=sent)) == [Outcome.UNKNOWN_AGE]


def test_a_minor_is_no_double_entry_and_a_double_entry_nothing_else():
    young = row(1, Fødselsår="2010")
    assert outcomes(young, young) == [Outcome.MINOR] * 2
    assert outcomes(row(1), row(1, Kjønn="?")) == [Outcome.ENROLLED, Outcome.DOUBLE_ENTRY]


def test_double_entries_are_the_same_address_first_name_and_birth_year():
    rows = [
        row(1),
        row(1, E_post="<AMAL@example.org>.", Fornavn=" amal "),
        row(1, Fornavn="Olha"),
        row(1, Fødselsår="1986"),
        row(1, E_post="other@example.org"),
    ]
    assert outcomes(*rows) == [Outcome.ENROLLED, Outcome.DOUBLE_ENTRY, *[Outcome.ENROLLED] * 3]


def test_who_does_not_agree_is_no_double_entry_but_the_earlier_row_that_stands():
    no = row(1, Samtykke_ny_kontakt="Nei")
    assert outcomes(row(1), no) == [Outcome.ENROLLED, Outcome.NO_CONSENT]
    assert outcomes(no, row(1)) == [Outcome.NO_CONSENT, Outcome.DOUBLE_ENTRY]


def test_two_without_an_address_are_two_people():
    assert outcomes(row(1, E_post=""), row(1, E_post="")) == [Outcome.NO_ADDRESS] * 2


@pytest.mark.parametrize("answer", ["Nei", "", "kanskje", "jaja"])
def test_LAW_04_only_a_yes_is_a_yes(answer):
    one = judged(row(1, Samtykke_ny_kontakt=answer, E_post="x at y"))[0]
    assert (one.outcome, one.contact, one.agreed) == (Outcome.NO_CONSENT, None, ())
    assert one.answers["gender"] == "woman"


@pytest.mark.parametrize("answer", ["Ja", "ja", " JA "])
def test_a_yes_in_any_case(answer):
    one = judged(row(1, Samtykke_ny_kontakt=answer, Samtykke_intervju="Nei"))[0]
    assert (one.outcome, one.agreed) == (Outcome.ENROLLED, ("recontact",))


@pytest.mark.parametrize(
    ("address", "repairable"),
    [("amal", False), ("amal at example.org", True), ("amal(at)example dot org", True), ("a@b", False)],
)
def test_an_unusable_address_is_never_mended_in_silence(address, repairable):
    one = judged(row(1, E_post=address))[0]
    assert (one.outcome, one.repairable, one.contact) == (Outcome.INVALID_ADDRESS, repairable, None)


@given(st.text(max_size=40))
def test_whatever_is_repairable_was_not_usable(address):
    assert not (is_repairable(address) and "@" in address and " " not in address and "(" not in address)


@pytest.mark.parametrize("address", ["  AMAL@Example.org ", "<amal@example.org>", "amal@example.org."])
def test_addresses_are_tidied(address):
    contact = judged(row(1, E_post=address))[0].contact
    assert contact is not None
    assert contact.email == "amal@example.org"


def test_a_contact_tells_nothing_of_itself():
    shown = repr(judged(row(1), limits=Limits(phone=True))[0])
    for cell in ("amal", "Amal", "Haddad", "44943831", "1985"):
        assert cell not in shown


# --- codes


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *[(word, "uk") for word in ("uk", "UK", "ukr", "uk-UA", "українська", "")],
        *[(word, "ru") for word in ("ru", "русский", " RU ")],
        ("en", "en"),
        ("nb", "nb"),
    ],
)
def test_languages(written, code):
    assert judged(row(1, Språk=written))[0].language == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *[
            (word, "2022-03")
            for word in ("03.2022", "mars 2022", "2022-03", "Mars 2022", "2022-03-01", "3/2022")
        ],
        ("desember 2022", "2022-12"),
        ("", MISSING),
    ],
)
def test_months(written, code):
    assert judged(row(1, Ankomst_Norge=written))[0].answers["arrival_month"] == code


@pytest.mark.parametrize("written", ["13.2022", "00.2022", "måned 2022", "2022", "2021-12", "2023-01"])
def test_months_nobody_declared_wait_for_the_mapping(written):
    with pytest.raises(BadInput, match="“Ankomst Norge”: 2"):
        judged(row(1, Ankomst_Norge=written))


def test_answers_are_codes():
    assert judged(row(1))[0].answers == {
        "gender": "woman",
        "birth_year": "1985",
        "county": "oslo",
        "arrival_month": "2022-03",
        "education": "master",
        "family": "alone",
        "partner_in_ukraine": "no",
        "children": "none",
        "network_before": "no",
        "war_length": "dont_know",
        "return_plan": "unsure",
    }


def test_res_06_a_blank_cell_is_no_answer_and_no_refusal():
    blank = judged(row(1, Kjønn="  ", Ankomst_Norge=""))[0].answers
    assert (blank["gender"], blank["arrival_month"]) == ("-5", "-5")
    assert MISSING_LABELS[Missing(int(blank["gender"]))] == "no answer"


def test_unknown_cells_are_named_by_column_and_line_never_by_what_they_hold():
    rows = [
        row(n, Kjønn="hemmelig" if n % 2 else "Mann", Språk="xx" if n == 3 else "uk") for n in range(1, 14)
    ]
    with pytest.raises(BadInput) as refused:
        judged(*rows)
    sentence = str(refused.value)
    assert "“Kjønn”: 2, 4, 6, 8, 10 …" in sentence
    assert "“Språk”: 4." in sentence
    assert "hemmelig" not in sentence


def test_missing_columns_are_named():
    short = [{k: v for k, v in row(1).items() if k not in ("E-post", "Kjønn")}]
    with pytest.raises(BadInput, match="“E-post”, “Kjønn”"):
        judged(*short)


def test_a_column_more_does_no_harm_and_is_not_kept():
    one = judged({**row(1), "Merknad": "something private"})[0]
    assert one == judged(row(1))[0]


def test_columns_in_another_order_read_the_same():
    assert judged(dict(reversed(row(1).items()))) == judged(row(1))


def test_marks_tell_rows_apart_and_know_them_again():
    marks = [one.mark for one in judged(row(1), row(2), row(2, E_post="x@example.org"), row(3))]
    assert len(set(marks)) == 4
    assert marks == [one.mark for one in judged(row(1), row(2), row(2, E_post="y@example.org"), row(3))]


# --- the mapping


@pytest.mark.parametrize(
    "part", ["cohort", "submitted", "language", "contact", "consent", "birth_item", "items"]
)
def test_a_mapping_with_a_part_missing_is_refused(part):
    with pytest.raises(BadInput, match="mapping of recruitment files is incomplete"):
        judged(row(1), mapping={name: value for name, value in MAPPING.items() if name != part})


@pytest.mark.parametrize(
    "changes",
    [
        {"birth_item": "age"},
        {"consent": {"version": "v", "yes": ["ja"], "recontact": "x", "questions": {}}},
        {"items": []},
        {"items": {"birth_year": {"column": "Fødselsår", "kind": "month", "patterns": ["("]}}},
    ],
)
def test_a_mapping_that_does_not_hold_together_is_refused(changes):
    with pytest.raises(BadInput, match="mapping of recruitment files is incomplete"):
        judged(row(1), mapping={**MAPPING, **changes})
