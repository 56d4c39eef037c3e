"""Member codes, roles, the table of memberships: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.members.rules import (
    APART,
    DIGITS,
    ROLES,
    TRANSITIONS,
    Role,
    Status,
    Verb,
    breaks_apart,
    check_character,
    may_become,
    member_code,
    roles_with,
    tidy_code,
)

codes = (
    st.text(DIGITS, min_size=8, max_size=8)
    .filter(lambda body: bool(check_character(body)))
    .map(lambda body: body + check_character(body))
)
places = st.integers(0, 8)


def is_code(text: str) -> bool:
    """As whoever takes a code down by phone checks it."""
    return len(text) == 9 and set(text) <= set(DIGITS) and check_character(text[:8]) == text[8]


def test_CRY_09_codes_are_new_valid_letters_and_digits():
    made = [member_code() for _again in range(2000)]
    assert len(set(made)) == 2000
    assert all(is_code(code) and code.isalnum() and len(code) == 9 for code in made)
    for place in range(8):
        assert {code[place] for code in made} == set(DIGITS), "each character is drawn at random"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("00000000", "0"),
        ("0000000Z", "Z"),
        ("00000010", ""),
        ("00000014", ""),
        ("00000015", "0"),
        ("00000016", "1"),
    ],
)
def test_CRY_09_the_check_character_is_the_number_modulo_37(body, check):
    """32 to 36 would be signs and U, which no code has."""
    assert check_character(body) == check


@given(codes, places, st.sampled_from(DIGITS))
def test_CRY_09_no_single_typo_passes(code, place, typed):
    other = code[:place] + typed + code[place + 1 :]
    assert is_code(other) == (other == code)


@given(codes, places, places)
def test_CRY_09_no_swap_of_two_characters_passes(code, one, two):
    cells = list(code)
    cells[one], cells[two] = cells[two], cells[one]
    other = "".join(cells)
    assert is_code(other) == (other == code)


@given(codes)
def test_CRY_09_no_code_too_short_or_too_long_passes(code):
    assert not is_code(code[:-1])
    assert not is_code(code + "0")


@given(codes)
def test_a_code_as_people_write_it_is_read(code):
    spoken = code.replace("0", "o").replace("1", "l").lower()
    assert tidy_code(f" {spoken[:4]}-{spoken[4:]} ") == code


# --- roles


def test_ZON_04_every_role_has_a_card_one_can_read():
    assert set(ROLES) == set(Role)
    for card in ROLES.values():
        assert str(card.name)
        assert str(card.sentence).endswith(".")
        assert card.verbs <= set(Verb)


def test_ZON_04_every_verb_is_somebodys():
    assert all(roles_with(verb) for verb in Verb)


@pytest.mark.parametrize(
    ("verb", "roles"),
    [
        (Verb.OPEN_CARD, {Role.KEEPER}),
        (Verb.ENROL, {Role.KEEPER, Role.LEADER}),
        (Verb.SEE_FLAGS, {Role.COORDINATOR}),
        (Verb.REVIEW_FLAG, {Role.COORDINATOR}),
        (Verb.SEE_MEMBERS, {Role.COORDINATOR, Role.LEADER}),
        (Verb.PLAN_WAVE, {Role.COORDINATOR}),
        (Verb.SEND, {Role.COORDINATOR}),
        (Verb.APPROVE_WAVE, {Role.LEADER}),
        (Verb.APPROVE_LETTER, {Role.LEADER}),
        (Verb.DECIDE_SETTING, {Role.LEADER}),
        (Verb.ASK_RELEASE, {Role.RESEARCHER}),
        (Verb.REVIEW_RELEASE, {Role.REVIEWER, Role.LEADER}),
        (Verb.DOWNLOAD_RELEASE, {Role.RESEARCHER, Role.LEADER}),
        (Verb.SEE_AUDIT, {Role.DPO}),
    ],
)
def test_ZON_04_who_may(verb, roles):
    assert set(roles_with(verb)) == roles


def test_ZON_04_a_keeper_sees_no_answers_status_or_flags_and_nobody_else_a_card():
    """What they see of lost contacts and replies is a code, which they can turn into an address anyway."""
    assert {
        verb for verb in ROLES[Role.KEEPER].verbs if verb.name.startswith(("SEE", "REVIEW", "DOWNLOAD"))
    } == {Verb.SEE_LOST}


def test_ZON_04_the_data_protection_officer_acts_on_nothing():
    """They read; the one thing they write is advice on a request."""
    assert all(verb.name.startswith("SEE") for verb in ROLES[Role.DPO].verbs - {Verb.ADVISE})


def test_ZON_04_coordinator_and_keeper_are_kept_apart_both_ways():
    assert set(APART) == {Role.COORDINATOR, Role.KEEPER}
    for one, two in ((Role.COORDINATOR, Role.KEEPER), (Role.KEEPER, Role.COORDINATOR)):
        assert breaks_apart({one}, two)
        assert breaks_apart({one, Role.LEADER}, two)
        assert not breaks_apart({one}, one)
        assert not breaks_apart({one}, Role.RESEARCHER)
        assert not breaks_apart(set(), two)


# --- memberships


def test_LAW_06_a_membership_can_leave_and_come_back_until_it_is_gone():
    assert set(TRANSITIONS) == set(Status)
    for old in Status:
        assert not may_become(old, old)
        assert {new for new in Status if may_become(old, new)} == set(Status) - {old}
