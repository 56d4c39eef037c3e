"""Why file and database can be out of step, what each says to who meets it, and when a clock went back. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: Two machines' clocks differ by seconds; more than this and one was set back.
CLOCK_MAY_DIFFER = timedelta(minutes=5)
#: A process without the file believes what the worker noted, for so long.
NOTED_HOLDS = timedelta(minutes=15)


class Reason(StrEnum):
    """What is wrong. The values stand in JournalState."""

    BEHIND = "behind"
    TRUNCATED = "truncated"
    MISSING = "missing"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    UNSEEN = "unseen"
    CLOCK = "clock"


SENTENCES: dict[Reason, str | Promise] = {
    Reason.BEHIND: _(
        "The database is older than its journal: a backup was restored. Nothing is sent, erased, enrolled or "
        "released until `manage.py journal replay` has run."
    ),
    Reason.TRUNCATED: _(
        "The journal's file ends before the database's last line of it. Put back its copy, or write it anew "
        "from the database with `manage.py journal rebuild`. Nothing is sent until then."
    ),
    Reason.MISSING: _(
        "The journal's file is gone. Put back its copy, or write it anew from the database with "
        "`manage.py journal rebuild`. Nothing is sent until then."
    ),
    Reason.DAMAGED: _(
        "The journal's file was changed or its key is another one. `manage.py journal verify` names the line. "
        "Nothing is sent until it is mended."
    ),
    Reason.FOREIGN: _(
        "The journal's file is not this database's. Put back its own, and look with `manage.py journal verify`. "
        "Nothing is sent until then."
    ),
    Reason.UNREADABLE: _(
        "The journal's file can't be read or written. See to its folder, its owner and the disk, and look with "
        "`manage.py journal status`. Nothing is sent until then."
    ),
    Reason.UNSEEN: _(
        "Nobody has compared the database with its journal for a while. See that the worker runs, and look "
        "with `manage.py journal status`."
    ),
    Reason.CLOCK: _(
        "The clock was set back: it has shown a later time before. Nothing is sent or erased until it is right "
        "again. If the later time was the wrong one, run `manage.py journal accept-clock`."
    ),
}


@dataclass(frozen=True)
class Standing:
    """How database and file stand to each other; in step where there is no reason."""

    reason: Reason | None
    in_table: int
    in_file: int

    @property
    def sentence(self) -> str:
        return str(SENTENCES[self.reason]) if self.reason else ""


def went_back(now: datetime, seen_at: datetime) -> bool:
    """Whether the clock shows a time well before one it has shown."""
    return now < seen_at - CLOCK_MAY_DIFFER
