"""Writes: entries in the caller's transaction, lines in the file, the file anew, what the worker saw.

Nothing is forgotten on the way: an entry is committed first, its line is on the disk before the database says so,
and what a crash leaves between is found by the next run. What a replayed line means is panel/rights/replay.py's.
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import Damaged, NotNow
from panel.journal import file, lines, selectors
from panel.journal.lines import Line
from panel.journal.models import JournalEntry, JournalLine, JournalState
from panel.journal.rules import Reason, Standing, went_back

logger = logging.getLogger(__name__)

CLOCK = Actor.system("journal")
Kind = JournalEntry.Kind


def record(
    *, kind: Kind, now: datetime, study: str = "", code: str = "", payload: dict[str, Any] | None = None
) -> None:
    """Note what must outlive a restored backup, in the caller's transaction. Codes and keyed hashes only."""
    JournalEntry.objects.create(at=now, kind=Kind(kind), study=study, code=code, payload=payload or {})


def write(*, now: datetime) -> int:
    """Bring the file up to date and note how both stand; returns how many lines are new.

    Nothing is added to a file that isn't this database's own: its end would prove something that never was.
    """
    where = file.needed()
    with file.locked(where, wait=False) as mine:
        if not mine:
            return 0  # somebody else is just writing
        standing = selectors.compared(where)
        new = 0
        if standing.reason is None:
            try:
                new = _write(where)
            except OSError as error:
                standing = Standing(Reason.UNREADABLE, standing.in_table, standing.in_file)
                logger.error("The journal can't be written: %s.", type(error).__name__)
    _note(standing.reason, now)
    return new


@transaction.atomic
def _write(where: Path) -> int:
    head = selectors.head_line()
    position, previous = (head.position, head.hash) if head else (0, "")
    for line in _unsaid(where, position):
        _know(line)
        position, previous = line.position, line.hash
    new = lines.chain(selectors.waiting()[: selectors.BATCH], position, previous)
    if new:
        file.append(where, b"".join(line.text() for line in new))
        for line in new:
            _know(line)
    return len(new)


def _unsaid(where: Path, position: int) -> list[Line]:
    """Lines whose writer died before the database said that they are there."""
    if not where.exists():
        return []
    found = [lines.read(text) for text in file.last_lines(where, selectors.BATCH)]
    return [line for line in found if line.position > position]


def _know(line: Line) -> None:
    JournalLine.objects.create(position=line.position, entry=line.uid, hash=line.hash)


def adopt(line: Line, *, in_place: bool) -> None:
    """Take a line of the file into a restored database, in the transaction that applies it.

    `in_place` where the file is whole up to here; else the entry gets a line when the file was written anew.
    """
    JournalEntry.objects.get_or_create(
        uid=line.uid,
        defaults={
            "at": line.at,
            "kind": line.kind,
            "study": line.study,
            "code": line.code,
            "payload": line.payload,
        },
    )
    if in_place:
        _know(line)


def rebuild(*, by: Actor, now: datetime) -> int:
    """Write the file anew from the database, where it was cut short, damaged or lost; returns its lines.

    Refused while the file holds something that the database doesn't know: that must be replayed first.
    """
    where = file.needed()
    with file.locked(where, wait=True):
        if where.exists() and (unknown := _unknown(where)):
            raise NotNow(
                _(
                    "The file holds %(number)d lines that the database doesn't know. Run `manage.py journal replay` "
                    "first, with `--past-damage` if it stops at a damaged line."
                )
                % {"number": unknown}
            )
        texts = _texts()
        file.replace(where, texts, keep_as=f"{now:%Y%m%dT%H%M%S}")
        with transaction.atomic():
            audit.record(by=by, verb="journal.rebuilt", now=now, detail={"lines": len(texts)})
    return len(texts)


def _unknown(where: Path) -> int:
    uids = {line.uid for line in selectors.sound(where)}
    known = set(JournalEntry.objects.values_list("uid", flat=True).iterator())
    return len(uids - known)


def _texts() -> list[bytes]:
    """All lines that were written once, from their entries; each must come out with the hash it had."""
    known = JournalLine.objects.order_by("position")
    entries = JournalEntry.objects.in_bulk(field_name="uid")
    position, previous, texts = 0, "", []
    for row in known:
        entry = entries.get(row.entry)
        (line,) = lines.chain([entry] if entry else [], position, previous) or (None,)
        if line is None or (line.position, line.hash) != (row.position, row.hash):
            raise Damaged(
                _(
                    "The journal's line %(number)d was changed in the database, or the service key is another one."
                )
                % {"number": row.position}
            )
        position, previous = line.position, line.hash
        texts.append(line.text())
    return texts


def accept_clock(*, by: Actor, now: datetime) -> None:
    """A person says that the time now is right, after the clock had run ahead."""
    with transaction.atomic():
        JournalState.objects.filter(pk=1).update(seen_at=now, checked_at=now)
        audit.record(by=by, verb="journal.clock_accepted", now=now)


def note_dead(*, upto: int, now: datetime) -> None:
    """The KEK was rotated after all keys of these entries were destroyed: no old copy opens them (CRY-06)."""
    times = {"checked_at": now, "seen_at": now}
    JournalState.objects.update_or_create(
        pk=1, defaults={"dead_upto": upto}, create_defaults={"dead_upto": upto, **times}
    )


def _note(reason: Reason | None, now: datetime) -> None:
    """Leave it for processes without the file; the log and the audit say it when it changes."""
    with transaction.atomic():
        state, _new = JournalState.objects.select_for_update().get_or_create(
            pk=1, defaults={"checked_at": now, "seen_at": now}
        )
        if went_back(now, state.seen_at):
            reason = reason or Reason.CLOCK
        before, state.reason = state.reason, reason.value if reason else ""
        state.checked_at, state.seen_at = now, max(now, state.seen_at)
        state.save()
        if before != state.reason:
            verb = "journal.out_of_step" if reason else "journal.in_step"
            audit.record(by=CLOCK, verb=verb, now=now, detail={"reason": state.reason or before})
    if reason and before != state.reason:
        logger.error("%s", Standing(reason, 0, 0).sentence)
