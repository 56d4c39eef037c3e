"""The ladder as data: every rung says what stops and what stays, nothing is undone after it is due."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from panel.errors import BadInput
from panel.members.models import PanelMember
from panel.rights import rules
from panel.rights.models import Stop
from panel.rights.rules import DELETE_WORDS, RUNGS, WAIT, Channel, Rung, State

TODAY = date(2023, 10, 5)
NOW = datetime(2023, 10, 5, 9, tzinfo=UTC)


def test_law_06_every_rung_is_named_and_says_what_stops_and_what_stays():
    assert list(RUNGS) == list(Rung)
    for card in RUNGS.values():
        assert card.name
        assert card.stops
        assert card.stays


def test_every_state_is_in_the_table_and_ends_are_ends():
    assert set(rules.TRANSITIONS) == set(State)
    assert set().union(*rules.TRANSITIONS.values()) | {State.IN_FORCE} == set(State)
    assert not rules.may_become(State.DONE, State.UNDONE)
    assert not rules.may_become(State.UNDONE, State.DONE)


@pytest.mark.parametrize(
    ("status", "in_wave", "rungs"),
    [
        ("active", True, list(Rung)),
        ("active", False, [rung for rung in Rung if rung != "no_reminders"]),
        ("left", True, [Rung.LEAVE_DELETE]),
        ("deleting", True, []),
    ],
)
def test_what_can_be_chosen(status, in_wave, rungs):
    assert rules.offered(status, in_wave=in_wave) == rungs


@pytest.mark.parametrize("day", [None, TODAY, date(2022, 1, 1), TODAY + timedelta(days=731)])
def test_a_pause_needs_a_day_to_come(day):
    with pytest.raises(BadInput, match="after today"):
        rules.check_request(Rung.PAUSE, by_member=True, until=day, typed_word=None, today=TODAY)


def deletes(word: str | None, *, by_member: bool = True) -> bool:
    """Whether a deletion passes with this word."""
    try:
        rules.check_request(Rung.LEAVE_DELETE, by_member=by_member, until=None, typed_word=word, today=TODAY)
    except BadInput:
        return False
    return True


@pytest.mark.parametrize("word", DELETE_WORDS.values())
def test_law_06_the_typed_word_in_four_languages(word):
    assert all(deletes(typed) for typed in (word, word.lower(), f" {word.title()} "))


@pytest.mark.parametrize("word", ["", "yes", "DELET", "ВИДАЛИТЬ", None])
def test_another_word_deletes_nothing(word):
    assert not deletes(word)


def test_staff_record_a_deletion_without_the_word():
    assert deletes(None, by_member=False)


def test_only_leaving_waits_and_only_deletion_can_waive_the_wait():
    waiting = {rung for rung in Rung if rules.due_at(rung, waive=False, now=NOW)}
    assert waiting == {Rung.LEAVE_KEEP, Rung.LEAVE_DELETE}
    assert rules.due_at(Rung.LEAVE_DELETE, waive=True, now=NOW) == NOW
    assert rules.due_at(Rung.LEAVE_KEEP, waive=True, now=NOW) == NOW + WAIT


def test_undo_ends_at_the_moment_it_is_due():
    assert rules.can_undo(State.IN_FORCE, NOW + WAIT, now=NOW + WAIT - timedelta(seconds=1))
    assert not rules.can_undo(State.IN_FORCE, NOW + WAIT, now=NOW + WAIT)
    assert rules.can_undo(State.IN_FORCE, None, now=NOW)
    assert not rules.can_undo(State.UNDONE, None, now=NOW)


def test_the_furthest_stop_decides_the_membership():
    status = PanelMember.Status
    assert rules.standing_status({"pause", "no_mail"}) == status.ACTIVE
    assert rules.standing_status({"leave_keep", "pause"}) == status.LEFT
    assert rules.standing_status({"leave_keep", "leave_delete"}) == status.DELETING


def test_who_deletes_on_a_page_gets_no_letter_any_more():
    assert not rules.sends_receipt(Rung.LEAVE_DELETE, Channel.STOP_PAGE)
    assert rules.sends_receipt(Rung.LEAVE_DELETE, Channel.TOLD_STAFF)
    assert rules.sends_receipt(Rung.LEAVE_KEEP, Channel.STOP_PAGE)
    assert not rules.sends_receipt(Rung.PAUSE, Channel.ONE_CLICK)


@pytest.mark.parametrize("lang", ["nb", "uk", "ru"])
def test_the_ladder_speaks_the_members_language(lang):
    english = {str(card.name) for card in RUNGS.values()}
    with translation.override(lang):
        assert english.isdisjoint({str(card.name) for card in RUNGS.values()})


def test_choices_fit_their_columns():
    for name, choices in (("rung", Rung), ("state", State), ("channel", Channel)):
        length = Stop._meta.get_field(name).max_length  # type: ignore[union-attr]
        assert length
        assert max(map(len, choices.values)) <= length
