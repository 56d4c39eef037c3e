"""Reads: are database and file in step, is the whole file sound, which lines does the database not know.

`check_in_step` is asked before each letter, erasure, enrolment and release, so it reads the file's end alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db.models import Exists, OuterRef, QuerySet

from panel.errors import Damaged, NotNow
from panel.journal import file, lines
from panel.journal.lines import Line
from panel.journal.models import JournalEntry, JournalLine, JournalState
from panel.journal.rules import NOTED_HOLDS, Reason, Standing, went_back

#: Entries that one write appends; so many lines can stand in the file before the database says so.
BATCH = 500
CHUNK = 1000


@dataclass(frozen=True)
class Verdict:
    """What `verify` found. `fault` names the first line that does not hold."""

    fault: str
    in_file: int
    in_table: int
    unknown: int
    waiting: int
    oldest_waiting: datetime | None


def check_in_step(*, now: datetime) -> None:
    """Refuses, with what to do, while database and file differ or the clock was set back."""
    standing = compare(now=now)
    if standing.reason:
        raise NotNow(standing.sentence)


def in_step(*, now: datetime) -> bool:
    """The same as an answer, for what beat does again anyway."""
    return compare(now=now).reason is None


def compare(*, now: datetime) -> Standing:
    """How database and file stand. Where the file can't be seen, what the worker noted last."""
    state, where = JournalState.objects.filter(pk=1).first(), file.path()
    if state and went_back(now, state.seen_at):
        return Standing(Reason.CLOCK, 0, 0)
    if where is None:
        return Standing(_noted(state, now), 0, 0)
    return compared(where)


def _noted(state: JournalState | None, now: datetime) -> Reason | None:
    if state is None:
        return None
    if state.reason:
        return Reason(state.reason)
    return Reason.UNSEEN if now - state.checked_at > NOTED_HOLDS else None


def compared(where: Path) -> Standing:
    """The ends of both. The table's is read first, so that a line written meanwhile looks new, not lost."""
    head = head_line()
    position = head.position if head else 0
    try:
        last = file.last_lines(where, 1)
    except FileNotFoundError:
        return Standing(Reason.MISSING if head else None, position, 0)
    except OSError:
        return Standing(Reason.UNREADABLE, position, 0)
    try:
        tail = lines.read(last[0]) if last else None
    except Damaged:
        return Standing(Reason.DAMAGED, position, 0)
    return Standing(_fault(where, head, tail), position, tail.position if tail else 0)


def _fault(where: Path, head: JournalLine | None, tail: Line | None) -> Reason | None:
    position = head.position if head else 0
    if tail is None or tail.position < position:
        return Reason.TRUNCATED if head else None
    if not tail.holds:
        return Reason.DAMAGED
    if head and tail.position == position:
        return None if (tail.uid, tail.hash) == (head.entry, head.hash) else Reason.FOREIGN
    more = tail.position - position
    return None if more <= BATCH and _all_known(where, more) else Reason.BEHIND


def _all_known(where: Path, number: int) -> bool:
    """Whether the last lines are entries of this database: written a moment ago, or by a process that died."""
    try:
        uids = {lines.read(text).uid for text in file.last_lines(where, number)}
    except Damaged:
        return False
    return JournalEntry.objects.filter(uid__in=uids).count() == len(uids)


def head_line() -> JournalLine | None:
    """The last line that the database knows of."""
    return JournalLine.objects.order_by("-position").first()


def dead_upto() -> int:
    """The last entry whose destroyed keys no old copy opens any more."""
    state = JournalState.objects.filter(pk=1).first()
    return state.dead_upto if state else 0


def waiting() -> QuerySet[JournalEntry]:
    """Entries that are not in the file yet, in their order."""
    written = JournalLine.objects.filter(entry=OuterRef("uid"))
    return JournalEntry.objects.filter(~Exists(written)).order_by("id")


def verify(where: Path) -> Verdict:
    """Walk the whole file: each line as it was written, in its place, and the one the database knows."""
    head, oldest = head_line(), waiting().values_list("at", flat=True).first()
    fault, count = "", 0
    try:
        for line in chained(where):
            count = line.position
        if head and count < head.position:
            fault = f"The file ends at line {count}; the database knows {head.position}."
    except FileNotFoundError:
        fault = "There is no file." if head else ""
    except Damaged as error:
        fault = str(error)
    in_table = head.position if head else 0
    return Verdict(fault, count, in_table, max(count - in_table, 0), waiting().count(), oldest)


def chained(where: Path) -> Iterator[Line]:
    """All lines, each held against the one before and against the database; refuses the first that fails."""
    position, previous = 0, ""
    known: dict[int, str] = {}
    for number, text in enumerate(file.lines(where), start=1):
        line = lines.read(text, number)
        if number % CHUNK == 1:
            span = JournalLine.objects.filter(position__gte=number, position__lt=number + CHUNK)
            known = dict(span.values_list("position", "hash"))
        if not line.follows(position, previous) or known.get(number, line.hash) != line.hash:
            raise lines.damaged(number)
        position, previous = line.position, line.hash
        yield line


def sound(where: Path) -> Iterator[Line]:
    """Lines that are as they were written, wherever they stand: what is left of a damaged file."""
    for text in file.lines(where):
        try:
            line = lines.read(text)
        except Damaged:
            continue
        if line.holds:
            yield line
