"""What a mail server's answer means for the letter: try again soon, later, not at all; or the address is refused.

A table of data by SMTP code (RFC 5321) and enhanced status code (RFC 3463); its words are never read or kept. Pure.
Not here: speaking to the server (post.py), what a refused address leads to (returns.py).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Pace(StrEnum):
    """How to go on."""

    QUICK = "quick"
    SLOW = "slow"
    NEVER = "never"
    BOUNCE = "bounce"


class Why(StrEnum):
    """What the answer was about; the codes stand in the outbox."""

    NO_SERVER = "no_server"
    SERVER_BUSY = "server_busy"
    GREYLISTED = "greylisted"
    TOO_FAST = "too_fast"
    MAILBOX_FULL = "mailbox_full"
    DOMAIN_SILENT = "domain_silent"
    ADDRESS_REFUSED = "address_refused"
    LETTER_REFUSED = "letter_refused"
    POLICY = "policy"
    NOT_ALLOWED = "not_allowed"
    GAVE_UP = "gave_up"


def _waits(*minutes: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=number) for number in minutes)


#: Waits after the first try, the second …; after the last one the letter has had its three days and is given up.
WAITS: dict[Pace, tuple[timedelta, ...]] = {
    Pace.QUICK: _waits(2, 5, 15, 30, 60, 120, 240, 480, 720, 1080, 1440),
    Pace.SLOW: _waits(240, 720, 1440, 1440),
}
#: A server that isn't there is no fault of the letter's: it waits as long as it takes, and so do those behind it. (When
#: it lasts, pauses.py has all wait.)
ABSENT, BEHIND = _waits(5, 1)


@dataclass(frozen=True)
class Answer:
    """One line of the table: answers that begin so, and what they mean."""

    code: str
    enhanced: str
    pace: Pace
    why: Why
    #: Tells of us, not of one letter: others will fare the same, and somebody should look.
    alarm: bool = False


#: Read from above; the first line that fits holds.
ANSWERS: tuple[Answer, ...] = (
    # Codes that mean one thing, whatever stands behind them: the line ends; we must log in, or can't.
    Answer("421", "", Pace.QUICK, Why.SERVER_BUSY),
    Answer("530", "", Pace.NEVER, Why.NOT_ALLOWED, alarm=True),
    Answer("535", "", Pace.NEVER, Why.NOT_ALLOWED, alarm=True),
    Answer("538", "", Pace.NEVER, Why.NOT_ALLOWED, alarm=True),
    # Not now, and why: a full mailbox, too many at once, a greylist, our rate, a silent server.
    Answer("4", "4.2.1", Pace.SLOW, Why.TOO_FAST),
    Answer("4", "4.2.2", Pace.SLOW, Why.MAILBOX_FULL),
    Answer("4", "4.4", Pace.SLOW, Why.DOMAIN_SILENT),
    Answer("4", "4.5.3", Pace.QUICK, Why.TOO_FAST),
    Answer("4", "4.7.1", Pace.QUICK, Why.GREYLISTED),
    Answer("4", "4.7.28", Pace.SLOW, Why.TOO_FAST, alarm=True),
    Answer("4", "4.7", Pace.SLOW, Why.TOO_FAST),
    # No, and why. Our sender's address or what we may send: all others fare the same, so somebody must look.
    Answer("5", "5.1.7", Pace.NEVER, Why.NOT_ALLOWED, alarm=True),
    Answer("5", "5.1.8", Pace.NEVER, Why.NOT_ALLOWED, alarm=True),
    Answer("5", "5.7", Pace.NEVER, Why.POLICY, alarm=True),
    # The address is gone; a full mailbox is not, for all that its code says so.
    Answer("5", "5.1", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("5", "5.2.1", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("5", "5.2.2", Pace.SLOW, Why.MAILBOX_FULL),
    Answer("5", "5.4.4", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    # The receiving server, or this one letter.
    Answer("5", "5.2.3", Pace.NEVER, Why.LETTER_REFUSED),
    Answer("5", "5.3.4", Pace.NEVER, Why.LETTER_REFUSED),
    Answer("5", "5.3", Pace.SLOW, Why.SERVER_BUSY),
    Answer("5", "5.4", Pace.SLOW, Why.DOMAIN_SILENT),
    Answer("5", "5.5", Pace.NEVER, Why.LETTER_REFUSED, alarm=True),
    Answer("5", "5.6", Pace.NEVER, Why.LETTER_REFUSED),
    # Without an enhanced code, or with one that says no more.
    Answer("450", "", Pace.QUICK, Why.GREYLISTED),
    Answer("451", "", Pace.QUICK, Why.GREYLISTED),
    Answer("452", "", Pace.SLOW, Why.MAILBOX_FULL),
    Answer("521", "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("550", "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("551", "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("552", "", Pace.SLOW, Why.MAILBOX_FULL),
    Answer("553", "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    Answer("556", "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
    # What the table doesn't know goes by its first figure.
    Answer("4", "", Pace.QUICK, Why.SERVER_BUSY),
    Answer("5", "", Pace.NEVER, Why.LETTER_REFUSED),
)


@dataclass(frozen=True)
class Retry:
    """What to do with the letter; `after` is None where trying again makes no sense."""

    pace: Pace
    why: Why
    after: timedelta | None = None
    alarm: bool = False

    @property
    def again(self) -> bool:
        return self.after is not None


def verdict(code: int, enhanced: str = "", attempts: int = 1) -> Retry:
    """What an answer means after so many tries, this one counted. Code 0: there was no server to answer."""
    if code == 0:
        return Retry(Pace.QUICK, Why.NO_SERVER, ABSENT)
    answer = meaning(code, enhanced)
    waits = WAITS.get(answer.pace)
    if waits is None:
        return Retry(answer.pace, answer.why, alarm=answer.alarm)
    if attempts > len(waits):
        return Retry(Pace.NEVER, Why.GAVE_UP, alarm=answer.alarm)
    return Retry(answer.pace, answer.why, waits[max(attempts, 1) - 1], answer.alarm)


def meaning(code: int, enhanced: str) -> Answer:
    """The line of the table that fits; an answer that is no refusal at all has none and is taken for a strange one."""
    return next((line for line in ANSWERS if _fits(line, str(code), enhanced)), ANSWERS[-1])


def _fits(line: Answer, code: str, enhanced: str) -> bool:
    if not code.startswith(line.code):
        return False
    return not line.enhanced or enhanced == line.enhanced or enhanced.startswith(f"{line.enhanced}.")
