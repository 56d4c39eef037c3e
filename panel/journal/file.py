"""The journal's file: its end, its lines, appending to it, writing it anew. Bytes only; knows no table.

One process writes at a time (a lock beside the file), others may read meanwhile: a last line without its end is
one that is being written, or was when the machine stopped, and is left out.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from panel.disk import sync_folder
from panel.errors import Unreachable

BLOCK = 1 << 16
MODE = 0o600


def path() -> Path | None:
    """Where it is; None in a process that can't see it."""
    return Path(settings.JOURNAL_FILE) if settings.JOURNAL_FILE else None


def needed() -> Path:
    """Where it is, for who can't do without."""
    found = path()
    if found is None:
        raise Unreachable(
            _("This process can't see the journal. Run it where JOURNAL_FILE is set."), permanent=True
        )
    return found


def last_lines(file: Path, number: int) -> list[bytes]:
    """The last whole lines, oldest first; read from the end, so that a long file costs nothing."""
    with file.open("rb") as opened:
        at, text = opened.seek(0, os.SEEK_END), b""
        while at > 0 and text.count(b"\n") <= number:
            step = min(BLOCK, at)
            at = opened.seek(at - step)
            text = opened.read(step) + text
    whole = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
    return whole[max(len(whole) - number, 0) :]


def lines(file: Path) -> Iterator[bytes]:
    """All whole lines, from the first."""
    with file.open("rb") as opened:
        for line in opened:
            if line.endswith(b"\n"):
                yield line


def is_torn(file: Path) -> bool:
    """Whether it ends within a line."""
    with file.open("rb") as opened:
        if not opened.seek(0, os.SEEK_END):
            return False
        opened.seek(-1, os.SEEK_END)
        return opened.read(1) != b"\n"


def append(file: Path, text: bytes) -> None:
    """Add whole lines; they are on the disk when this returns. Half a line that a crash left goes first."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not file.exists()
    handle = os.open(file, os.O_RDWR | os.O_CREAT, MODE)
    with os.fdopen(handle, "r+b") as opened:
        whole = _end_of_whole(file)
        opened.truncate(whole)
        opened.seek(whole)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    if new:
        sync_folder(file.parent)


def _end_of_whole(file: Path) -> int:
    size = file.stat().st_size
    if not is_torn(file):
        return size
    with file.open("rb") as opened:
        at = size
        while at > 0:
            step = min(BLOCK, at)
            at = opened.seek(at - step)
            if (found := opened.read(step).rfind(b"\n")) >= 0:
                return at + found + 1
    return 0


def replace(file: Path, texts: Iterable[bytes], *, keep_as: str) -> None:
    """Write the file anew. The old one stays beside it under another name: nobody's proof is thrown away."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as out:
        out.writelines(texts)
        out.flush()
        os.fsync(out.fileno())
    with suppress(FileNotFoundError):
        os.link(file, file.with_name(f"{file.name}.{keep_as}"))
    new.replace(file)
    sync_folder(file.parent)


@contextmanager
def locked(file: Path, *, wait: bool) -> Iterator[bool]:
    """Holds off other writers on this machine; yields False at once where one is at work and we don't wait."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)
