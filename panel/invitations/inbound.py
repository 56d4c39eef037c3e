"""Works a mailbox of returned letters off: each message is classed and noted, then removed; a person's is passed on.

Messages come one at a time and so many a run, so that ten thousand need no more memory than one. Not here: how a
mailbox is spoken to (mailbox.py), what a message is (bounces.py), what follows from it (returns.py, replies.py).
"""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from panel.audit import services as audit
from panel.invitations import bounces, replies, returns, verp
from panel.invitations.bounce_mail import Returned
from panel.invitations.bounces import Finding, Kind
from panel.invitations.mailbox import Message, Source
from panel.invitations.replies import Taken
from panel.invitations.returns import READER, Noted

logger = logging.getLogger(__name__)

#: Messages of one run, so that no task lasts long; the next run takes the next ones.
AT_ONCE = 500
DAMAGED = (
    "%d messages in the mailbox of returned letters can't be used (damaged, too long, or with no inbox to pass them on "
    "to): look at them in its folder “aside”."
)


@dataclass
class Tally:
    """What a run found: by class, and what became of it."""

    read: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    known: int = 0
    passed_on: int = 0
    aside: int = 0
    left: int = 0
    more: bool = False

    def as_json(self) -> dict[str, object]:
        """Counts alone, as the audit and the command tell them."""
        return {
            "read": self.read, "kinds": dict(self.kinds), "unmatched": self.unmatched, "known": self.known,
            "passed_on": self.passed_on, "aside": self.aside, "left": self.left,
        }  # fmt: skip


def work_off(*, source: Source, now: datetime, limit: int | None = None) -> Tally:
    """Deals with at most `limit` messages (AT_ONCE unless told); each leaves the mailbox after its outcome is kept."""
    tally, limit = Tally(), limit or AT_ONCE
    for message in source.messages(limit):
        tally.read += 1
        if not _deal(source, message, tally, now):
            break  # the mail server takes none now: the next run begins with this one
    tally.more = tally.read == limit and not tally.left
    if tally.read:
        audit.record(by=READER, verb="returns.read", now=now, detail=tally.as_json())
    if tally.aside:
        logger.warning(DAMAGED, tally.aside)
    return tally


def _deal(source: Source, message: Message, tally: Tally, now: datetime) -> bool:
    """One message; False where nothing more can be dealt with now."""
    mail = Returned(message.content)
    finding = bounces.of(mail)
    if message.too_long or finding == bounces.DAMAGED:
        tally.aside += 1
        source.put_aside(message)
        return True
    tally.kinds[finding.kind] += 1
    if finding.person:
        return _pass_on(source, message, mail, tally, now)
    _note(mail, finding, tally, now)
    source.remove(message)
    return True


def _note(mail: Returned, finding: Finding, tally: Tally, now: datetime) -> None:
    """What counts is kept by class; a receipt that a letter was shown or delivered is not (NEV-05)."""
    if finding.kind == Kind.NONE:
        return
    noted = returns.note_return(by=READER, row_id=verp.row_in(mail), finding=finding, now=now)
    tally.unmatched += noted is Noted.UNMATCHED
    tally.known += noted is Noted.KNOWN


def _pass_on(source: Source, message: Message, mail: Returned, tally: Tally, now: datetime) -> bool:
    taken = replies.take_in(message=message.content, row_id=verp.row_in(mail), now=now)
    if taken in (Taken.LATER, Taken.HELD):  # one that is held must not hold up those behind it
        tally.left += 1
        return taken is Taken.HELD
    if taken is Taken.PASSED_ON:
        tally.passed_on += 1
        source.remove(message)
    else:
        tally.aside += 1
        source.put_aside(message)
    return True
