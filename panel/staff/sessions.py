"""What a session of the desk remembers of itself, kept in Django's session. The rules are rules.py's.

Real time, never the example study's: a session is about the person at the machine.
"""

import time
from dataclasses import asdict

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from panel.staff.rules import Ending, Factor, Stamp, ending, fingerprint

KEY = "staff"
#: Noted at most so often, so that not every page writes the session.
NOTED_EVERY = 60.0


def begin(session: SessionBase, factors: list[Factor]) -> None:
    """A session starts now, or goes on with factors that its own person just changed."""
    now, old = time.time(), read(session)
    session[KEY] = asdict(Stamp(old.began if old else now, now, fingerprint(factors)))


def read(session: SessionBase) -> Stamp | None:
    """What the session remembers."""
    kept = session.get(KEY)
    return Stamp(**kept) if kept else None


def check(session: SessionBase, factors: list[Factor]) -> Ending | None:
    """Why the session is over; where it goes on, notes that it was used."""
    stamp, now = read(session), time.time()
    if stamp is None:
        begin(session, factors)
        return None
    over = ending(
        stamp,
        factors=fingerprint(factors),
        now=now,
        idle=60.0 * settings.STAFF_IDLE_MINUTES,
        longest=float(settings.SESSION_COOKIE_AGE),
    )
    if over is None and now - stamp.seen >= NOTED_EVERY:
        session[KEY] = asdict(Stamp(stamp.began, now, stamp.factors))
    return over
