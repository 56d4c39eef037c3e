"""When a log-in session is over, and what counts as a second factor. Pure; time is seconds since 1970."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

#: A factor as it is known here: its row and its kind.
Factor = tuple[int, str]
#: Recovery codes are spare keys to a factor, never one by themselves.
SECOND = frozenset({"totp", "webauthn"})


class Ending(StrEnum):
    """Why a session ended without its person asking for it."""

    IDLE = "idle"
    TOO_LONG = "too long"
    FACTORS = "second factor changed"


@dataclass(frozen=True)
class Stamp:
    """What a session remembers of itself: when it began, when it was last used, with which factors it was made."""

    began: float
    seen: float
    factors: str


def has_second(factors: Iterable[Factor]) -> bool:
    """Whether a password alone is not enough for this person."""
    return any(kind in SECOND for _row, kind in factors)


def fingerprint(factors: Iterable[Factor]) -> str:
    """Tells one set of factors from another; whoever changes a factor ends all sessions made with the old set."""
    return ",".join(f"{row}:{kind}" for row, kind in sorted(factors))


def ending(stamp: Stamp, *, factors: str, now: float, idle: float, longest: float) -> Ending | None:
    """Why this session is over by now; None while it lasts. A clock set back ends it too: nothing is guessed."""
    if stamp.factors != factors:
        return Ending.FACTORS
    if not stamp.began <= stamp.seen <= now + 60 or now - stamp.began >= longest:
        return Ending.TOO_LONG
    return Ending.IDLE if now - stamp.seen >= idle else None
