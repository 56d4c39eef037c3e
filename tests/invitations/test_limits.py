"""Limits on survey mail: what puts a letter off, until when; and that nobody is put off for ever."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.invitations.limits import (
    HORIZON,
    KYIV,
    OSLO,
    USUAL,
    Burden,
    Hours,
    Limit,
    Numbers,
    Silence,
    first_fit,
    in_the_way,
    local_day,
    with_letter,
)

NOON = datetime(2024, 2, 21, 12, tzinfo=OSLO)
DAY = timedelta(days=1)
START = datetime(2023, 1, 1, tzinfo=UTC)
YEARS = st.integers(0, 5 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


def at(day: str, hour: int = 10) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), tzinfo=OSLO)


@st.composite
def hours(draw):
    first = draw(st.integers(7, 19))
    return Hours(time(first), time(draw(st.integers(first + 3, 22))))


@st.composite
def burdens(draw):
    now = draw(YEARS)
    before = st.integers(0, 400 * 24).map(lambda number: now - timedelta(hours=number))
    days = st.tuples(st.integers(1, 12), st.integers(1, 28))
    return now, Burden(
        numbers=Numbers(
            reminder_gap_days=draw(st.integers(1, 60)),
            mails_max=draw(st.integers(1, 8)),
            mails_days=draw(st.integers(30, 400)),
            wave_gap_days=draw(st.integers(0, 400)),
        ),
        hours=draw(hours()),
        any_hour=draw(st.booleans()),
        silence=Silence(
            yearly=draw(st.frozensets(days, max_size=60)),
            dated=draw(
                st.frozensets(st.integers(0, 90).map(lambda n: local_day(now + n * DAY)), max_size=60)
            ),
        ),
        letters=tuple(sorted(draw(st.lists(before, max_size=12)))),
        is_reminder=draw(st.booleans()),
        last_in_wave=draw(st.none() | before),
        is_survey=draw(st.booleans()),
        last_of_other_wave=draw(st.none() | before),
        closes_at=draw(st.none() | st.integers(1, 100).map(lambda number: now + number * DAY)),
    )


@given(burdens())
@settings(max_examples=150, deadline=None)
def test_a_night_or_a_day_of_silence_starves_nobody(drawn):
    """Whatever the limits, one deferral leads to a moment at which all of them hold, or past the close."""
    now, burden = drawn
    fits = first_fit(burden, now)
    assert fits >= now
    if in_the_way(burden, now) is None:
        assert fits == now
        return
    assert fits > now
    if burden.closes_at is None or fits < burden.closes_at:
        assert in_the_way(burden, fits) is None
        assert fits < now + (HORIZON + 500) * DAY


@given(burdens())
@settings(max_examples=60, deadline=None)
def test_nothing_fits_before_the_first_moment_that_fits(drawn):
    now, burden = drawn
    fits = min(first_fit(burden, now), now + 60 * DAY)
    moment = now
    while moment < fits:
        assert in_the_way(burden, moment) is not None
        moment += timedelta(minutes=53)


@given(burdens(), YEARS)
@settings(max_examples=60, deadline=None)
def test_one_more_letter_brings_no_letter_nearer(drawn, sent):
    now, burden = drawn
    heavier = replace(burden, letters=with_letter(burden.letters, min(sent, now)))
    assert first_fit(heavier, now) >= first_fit(burden, now)


def test_six_letters_in_180_days_and_the_seventh_when_the_first_is_past():
    letters = tuple(NOON - days * DAY for days in (181, 179, 100, 80, 60, 40, 20))
    six = Burden(letters=letters[1:])
    assert in_the_way(six, NOON) == Limit.MAIL_CAP
    assert first_fit(six, NOON) == at("2024-02-22")
    assert in_the_way(Burden(letters=letters[2:]), NOON) is None, "five"
    assert in_the_way(Burden(letters=letters), NOON) == Limit.MAIL_CAP, "the seven hold six of the last days"


def test_ninety_days_between_survey_waves_count_to_the_first_letter_only():
    after = Burden(is_survey=True, last_of_other_wave=NOON - 89 * DAY)
    assert in_the_way(after, NOON) == Limit.WAVE_GAP
    assert first_fit(after, NOON) == at("2024-02-22")
    assert in_the_way(replace(after, last_in_wave=NOON - 8 * DAY), NOON) is None, "its wave has begun"
    assert in_the_way(replace(after, is_survey=False), NOON) is None, "pilots and interviews stand outside"


def test_reminders_come_seven_days_after_the_last_letter():
    reminder = Burden(is_reminder=True, last_in_wave=NOON - 6 * DAY)
    assert in_the_way(reminder, NOON) == Limit.REMINDER_GAP
    assert first_fit(reminder, NOON) == at("2024-02-22")
    assert in_the_way(replace(reminder, is_reminder=False), NOON) is None


def test_days_of_silence_one_after_the_other_are_passed_over():
    silence = Silence(yearly=frozenset({(2, 24), (2, 26)}), dated=frozenset({date(2024, 2, 25)}))
    assert first_fit(Burden(silence=silence), at("2024-02-23", 18)) == at("2024-02-27")
    assert first_fit(Burden(silence=silence, any_hour=True), at("2024-02-24", 3)) == at("2024-02-27", 0)
    assert in_the_way(Burden(silence=silence), at("2024-02-24", 12)) == Limit.SILENT_DAY
    assert in_the_way(Burden(silence=silence), at("2023-02-25", 12)) is None, "of one year only"


def test_what_never_fits_before_the_close_ends_past_it():
    closes = NOON + 3 * DAY
    always = Silence(yearly=frozenset((month, day) for month in range(1, 13) for day in range(1, 32)))
    assert first_fit(Burden(silence=always, closes_at=closes), NOON) >= closes
    assert first_fit(Burden(silence=always), NOON) > NOON + 700 * DAY
    late = Burden(closes_at=closes, is_survey=True, last_of_other_wave=NOON)
    assert first_fit(late, NOON) >= closes


CHANGES = ["2023-03-26", "2023-10-29", "2024-03-31", "2024-10-27", "2025-03-30", "2025-10-26"]


@pytest.mark.parametrize("sunday", CHANGES)
@pytest.mark.parametrize("own", [USUAL, Hours(time(7), time(10)), Hours(time(19), time(22))])
def test_the_change_of_clocks_moves_no_window(sunday, own):
    """Every quarter of an hour from the day before to the day after, by both countries' clocks."""
    burden = Burden(hours=own)
    moment = at(sunday, 0).astimezone(UTC) - DAY
    for _quarter in range(3 * 24 * 4):
        local, kyiv = moment.astimezone(OSLO), moment.astimezone(KYIV)
        goes = in_the_way(burden, moment) is None
        assert goes == (own.first <= local.time() < own.last)
        if goes:
            assert own.first.hour + 1 <= kyiv.hour < own.last.hour + 1 or kyiv.hour == 0
        opening = first_fit(burden, moment)
        assert in_the_way(burden, opening) is None
        assert opening - moment <= timedelta(hours=25)
        moment += timedelta(minutes=15)


@pytest.mark.parametrize("sunday", CHANGES)
def test_days_are_counted_by_the_calendar_over_a_change_of_clocks(sunday):
    """A letter at five to five, seven days later from ten on: neither 167 hours nor 169."""
    sent = datetime.combine(date.fromisoformat(sunday) - 2 * DAY, time(16, 55), tzinfo=OSLO)
    reminder = Burden(is_reminder=True, last_in_wave=sent)
    fits = first_fit(reminder, sent)
    assert fits == datetime.combine(sent.date() + 7 * DAY, time(10), tzinfo=OSLO)
