"""The anchors: heads of the chain, noted outside the databases, so that one cut short or made anew is betrayed.

A file that only grows (0600, each line on the disk before we go on). A restore cuts the chain too: it is a line here
and an event there, written by who knows of it (panel/rights/replay.py). Mailing a head is panel/rights/oversight.py.
"""

import fcntl
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from panel.audit import rules, selectors, services
from panel.audit.rules import Actor, Anchors, Cut
from panel.audit.selectors import Verdict
from panel.disk import sync_folder
from panel.errors import BadInput, Damaged, Unreachable

#: How many events one anchoring seals at most before it looks at the chain; the rest waits for the next.
MANY = 1_000_000


@dataclass(frozen=True)
class Anchored:
    """What became of an anchoring: the verdict, and whether a new head was noted."""

    verdict: Verdict
    noted: bool


def file() -> Path:
    """Where the anchors are kept."""
    if not settings.AUDIT_ANCHOR_FILE:
        raise Unreachable(
            _("This process has no anchors' file. Run it where AUDIT_ANCHOR_FILE is set."), permanent=True
        )
    return Path(settings.AUDIT_ANCHOR_FILE)


def noted(path: Path | None = None) -> Anchors:
    """The heads noted so far, hash by position. A file that is gone after anchors were noted is refused."""
    path = path or file()
    try:
        return rules.read_anchors(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if selectors.was_ever("chain.anchored"):
            raise Damaged(
                _(
                    "The anchors' file is gone, though heads were noted. Restore it, or name a copy: "
                    "`manage.py audit verify --anchors FILE`."
                )
            ) from error
        return Anchors()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(_("The anchors' file can't be read.")) from error


def verify(path: Path | None = None) -> Verdict:
    """The verdict over the whole chain, held to every head that was noted."""
    return selectors.verify(anchors=noted(path))


def anchor(*, by: Actor, now: datetime) -> Anchored:
    """Seals what is left, looks at the whole chain, and notes its head. A broken chain gets no new anchor."""
    path, known = file(), noted()
    services.seal(now=now, limit=MANY, from_the_start=True)
    verdict = selectors.verify(anchors=known)
    if not verdict.ok:
        services.record(by=by, verb="chain.found_broken", now=now, detail={"at": verdict.first_broken})
        return Anchored(verdict, noted=False)
    if not verdict.sealed or verdict.sealed in known.heads:
        return Anchored(verdict, noted=False)
    _append(path, rules.anchor_line(verdict.sealed, verdict.head, now))
    services.record(by=by, verb="chain.anchored", now=now, detail={"position": verdict.sealed})
    return Anchored(verdict, noted=True)


def note_restore(*, by: Actor, now: datetime) -> Cut | None:
    """After a restore, and only then: where the chain ends now, and which heads above it were lost. None if none was.

    The event comes first: without its line it excuses nothing, and the next run writes both. An event of an earlier
    restore that this one took away is written again.
    """
    known, last = noted(), selectors.head()
    position, head = (last.position, last.hash) if last else (0, rules.NO_HEAD)
    cut = rules.cut_at(known.heads, position, head, rules.minute(now))
    with transaction.atomic(durable=True):
        for told in (*known.cuts, cut):
            if told and not selectors.is_told(told):
                services.record(by=by, verb="chain.restored", now=now, detail=told.detail)
    if cut:
        _append(file(), rules.restored_line(cut))
    return cut


def _append(path: Path, line: str) -> None:
    """One line at the end, on the disk when this returns. A last line that a crash cut is left to be read."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unreachable(_("The anchors' file can't be written. Look at its folder's owner.")) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)
