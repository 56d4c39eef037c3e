"""How much survey mail one person gets, and at which hours of which days. Pure and cheap: the outbox asks for each
letter, a dry run for every letter of a plan.

Not here: whether a letter may go at all (rules.py), where the numbers come from (checking.py, calendar.py).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")
KYIV = ZoneInfo("Europe/Kyiv")
#: How far ahead a day that fits is looked for where no close ends the search.
HORIZON = 2 * 366
_DAY = timedelta(days=1)


class Limit(StrEnum):
    """Which limit puts a letter off; the codes stand in the outbox."""

    REMINDER_GAP = "reminder_gap"
    MAIL_CAP = "mail_cap"
    WAVE_GAP = "wave_gap"
    SILENT_DAY = "silent_day"
    OUTSIDE_HOURS = "outside_hours"


@dataclass(frozen=True)
class Numbers:
    """A study's limits; as they stand here they are the strict ones, and more takes a reason on record."""

    reminders_max: int = 2
    reminder_gap_days: int = 7
    mails_max: int = 6
    mails_days: int = 180
    wave_gap_days: int = 90


STRICT = Numbers()


@dataclass(frozen=True)
class Hours:
    """From when until when letters go, by the clocks in Norway; one window on each day, never over midnight."""

    first: time = time(10)
    last: time = time(17)

    def opening(self, day: date) -> datetime:
        """The first moment of that day; no change of clocks touches the hours from 7 to 22."""
        return datetime.combine(day, self.first, tzinfo=OSLO)


USUAL = Hours()


@dataclass(frozen=True)
class Silence:
    """Days on which no survey mail goes: of one year, or each year's (month, day)."""

    dated: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def covers(self, day: date) -> bool:
        return day in self.dated or (day.month, day.day) in self.yearly


NO_SILENCE = Silence()


@dataclass(frozen=True)
class Burden:
    """What one survey letter would add to, for the limits. `letters`: when survey letters went to this person, over
    all studies, oldest first; of the last `mails_days` at least.
    """

    numbers: Numbers = STRICT
    hours: Hours = USUAL
    any_hour: bool = False
    silence: Silence = NO_SILENCE
    letters: Sequence[datetime] = ()
    is_reminder: bool = False
    #: The last letter of this wave; None where this one would be its first.
    last_in_wave: datetime | None = None
    #: Whether the days between survey waves count: not for pilots, interviews and keeping in touch.
    is_survey: bool = False
    #: The last letter of another survey wave.
    last_of_other_wave: datetime | None = None
    closes_at: datetime | None = None


def first_fit(burden: Burden, now: datetime) -> datetime:
    """The first moment from now on at which every limit holds, or one past the close where none does before it."""
    return _in_calendar(burden, max([now, *(bound for bound, _limit in _bounds(burden))]))


def in_the_way(burden: Burden, now: datetime) -> Limit | None:
    """The limit that a letter would break now; of several the one that lasts longest, the calendar last."""
    last, limit = max(_bounds(burden), default=(now, None))
    if last > now:
        return limit
    if burden.silence.covers(local_day(now)):
        return Limit.SILENT_DAY
    return None if in_hours(burden, now) else Limit.OUTSIDE_HOURS


def _bounds(burden: Burden) -> list[tuple[datetime, Limit]]:
    """Before which moment which limit keeps this letter back; once past, each of them holds for good."""
    found = (
        (_after_reminder(burden), Limit.REMINDER_GAP),
        (_after_mails(burden), Limit.MAIL_CAP),
        (_after_wave(burden), Limit.WAVE_GAP),
    )
    return [(bound, limit) for bound, limit in found if bound is not None]


def _after_reminder(burden: Burden) -> datetime | None:
    if not burden.is_reminder or burden.last_in_wave is None:
        return None
    return days_after(burden.last_in_wave, burden.numbers.reminder_gap_days)


def _after_mails(burden: Burden) -> datetime | None:
    """When the oldest of the last six is 180 days past. Later letters only push this further, never nearer."""
    most = burden.numbers.mails_max
    if len(burden.letters) < most:
        return None
    return days_after(burden.letters[-most], burden.numbers.mails_days)


def _after_wave(burden: Burden) -> datetime | None:
    if not burden.is_survey or burden.last_in_wave or burden.last_of_other_wave is None:
        return None
    return days_after(burden.last_of_other_wave, burden.numbers.wave_gap_days)


def _in_calendar(burden: Burden, earliest: datetime) -> datetime:
    """The first moment in hours, on no day of silence."""
    if _fits_day(burden, earliest):
        return earliest
    for day in _days(burden, earliest):
        opening = midnight(day) if burden.any_hour else burden.hours.opening(day)
        if opening >= earliest and not burden.silence.covers(day):
            return opening
    return max(earliest, burden.closes_at) if burden.closes_at else earliest + HORIZON * _DAY


def _fits_day(burden: Burden, moment: datetime) -> bool:
    return in_hours(burden, moment) and not burden.silence.covers(local_day(moment))


def _days(burden: Burden, earliest: datetime) -> Iterator[date]:
    first = local_day(earliest)
    last = local_day(burden.closes_at) if burden.closes_at else first + HORIZON * _DAY
    day = first
    while day <= last:
        yield day
        day += _DAY


def in_hours(burden: Burden, moment: datetime) -> bool:
    """Whether letters to this member go at this hour."""
    return burden.any_hour or burden.hours.first <= moment.astimezone(OSLO).time() < burden.hours.last


def local_day(moment: datetime) -> date:
    """The day it is in Norway."""
    return moment.astimezone(OSLO).date()


def midnight(day: date) -> datetime:
    """The day's first moment in Norway."""
    return datetime.combine(day, time(), tzinfo=OSLO)


def days_after(moment: datetime, days: int) -> datetime:
    """The beginning of the day so many days later by the calendar, whatever the hour of the first letter."""
    return midnight(local_day(moment) + timedelta(days=days))


def with_letter(letters: Collection[datetime], sent: datetime) -> tuple[datetime, ...]:
    """The letters of a person and one more, as a dry run adds them up."""
    return tuple(sorted((*letters, sent)))
