"""Files that must outlive a power cut: what every writer of one needs. Which files there are is their writers'."""

import os
from contextlib import suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """A file's new name is on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some file systems can't sync a folder
        os.fsync(handle)
    os.close(handle)
