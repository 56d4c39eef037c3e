"""Numbers that must not be stored are masked (NEV-04); versions move along their table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.instruments.rules import MASK, TRANSITIONS, is_national_number, mask_numbers, may_become


def national(nine: str) -> str:
    """A number with right check digits for nine invented ones, or "" where there is none."""
    first = -sum(w * int(d) for w, d in zip((3, 7, 6, 1, 8, 9, 4, 5, 2), nine, strict=True)) % 11
    ten = f"{nine}{first}"
    if first == 10:
        return ""
    second = -sum(w * int(d) for w, d in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), ten, strict=True)) % 11
    return "" if second == 10 else f"{ten}{second}"


NUMBER = next(filter(None, map(national, map("010190{:03}".format, range(100, 999)))))


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"nr. {NUMBER}.",
        f"{NUMBER[:6]} {NUMBER[6:]}",
        f"{NUMBER[:6]}-{NUMBER[6:]}",
        f"{NUMBER[:6]} - {NUMBER[6:]}",
        f"{NUMBER[:6]} — {NUMBER[6:]}",
        f"{NUMBER[:2]}.{NUMBER[2:4]}. {NUMBER[4:6]}  {NUMBER[6:]}",
        " ".join(NUMBER),
        f"2022 {NUMBER}",
        f"{NUMBER}\n{NUMBER}",
    ],
)
def test_nev_04_fodselsnummer_is_masked(text):
    masked, found = mask_numbers(text)
    assert found
    assert MASK in masked
    assert NUMBER not in "".join(character for character in masked if character.isdigit())


@pytest.mark.parametrize("text", ["202212345601", "2022 123456 01", "DUF: 2022-123456-01", "2022123456 01!"])
def test_nev_04_duf_number_is_masked(text):
    masked, found = mask_numbers(text)
    assert found
    assert "123456" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Дякую!",
        "I came on 24.02.2022 with 3 children",
        "12345678901",
        "90 12 34 56",
        "1234567890123",
        "5–10 km",
    ],
)
def test_other_numbers_stay(text):
    assert mask_numbers(text) == (text, False)


def test_eleven_digits_are_judged_modulo_11():
    assert is_national_number(NUMBER)
    wrong = NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10)
    assert not is_national_number(wrong)


@given(st.text(alphabet="0123456789", min_size=9, max_size=9), st.text(), st.text())
def test_nev_04_no_valid_number_survives_in_any_text(nine, before, after):
    number = national(nine)
    if number:
        masked, found = mask_numbers(f"{before} — {number} — {after}")
        assert found
        assert number not in masked


def test_an_approved_version_never_becomes_a_draft_again():
    assert may_become("draft", "approved")
    assert may_become("approved", "retired")
    assert not any("draft" in after for after in TRANSITIONS.values())
