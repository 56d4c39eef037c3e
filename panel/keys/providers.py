"""Where key-encryption keys (KEK) live, behind one small interface. Here: a file of mode 0600.

A provider gives a ring: the versions there are, and wrapping under them. Other providers keep the key itself
elsewhere and wrap by calling out; nobody above sees a KEK.
"""

import base64
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from panel.errors import Damaged, Unreachable
from panel.keys import crypto
from panel.keys.crypto import Algorithm, Place


class Ring(Protocol):
    """The versions of the KEK at one moment."""

    @property
    def made_on(self) -> Mapping[int, date]:
        """Each version there is, and the day it was made."""

    @property
    def current(self) -> int:
        """The version that wraps."""

    def wrap(self, key: bytes, place: Place) -> bytes:
        """Wrap under the current version."""

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        """Unwrap under the version the value names."""


class Provider(Protocol):
    """Keeps the ring."""

    def ring(self) -> Ring:
        """The ring as it is now."""

    def create(self, *, today: date) -> bool:
        """Make version 1; False, and nothing touched, where there is a ring."""

    def add_version(self, *, today: date) -> int:
        """Make a new current version."""

    def destroy_version(self, version: int) -> None:
        """Destroy an old version for good."""


@dataclass(frozen=True)
class FileRing:
    """A ring read from a file; never shows a key."""

    keys: Mapping[int, bytes] = field(repr=False)
    made_on: Mapping[int, date]

    @property
    def current(self) -> int:
        return max(self.keys)

    def wrap(self, key: bytes, place: Place) -> bytes:
        version = self.current
        return crypto.seal(
            key, key=self.keys[version], place=place, version=version, algorithm=Algorithm.AES_256_GCM_SIV
        )

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        kek = self.keys.get(crypto.key_version(wrapped, place=place))
        if kek is None:
            raise place.damaged()
        return crypto.open_sealed(wrapped, key=kek, place=place)


class FileProvider:
    """A JSON file of mode 0600, replaced whole. Read anew each time, for another process may rotate."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ring(self) -> FileRing:
        return FileRing(*self._read())

    def create(self, *, today: date) -> bool:
        """Make the file with version 1; False, and nothing touched, where there is one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._written_aside({1: crypto.random_key()}, {1: today}) as temporary:
            try:
                os.link(temporary, self.path)  # unlike rename, never replaces what another process just made
            except FileExistsError:
                return False
        self._sync_folder()
        return True

    def add_version(self, *, today: date) -> int:
        keys, made_on = self._read()
        version = max(keys) + 1
        self._replace({**keys, version: crypto.random_key()}, {**made_on, version: today})
        return version

    def destroy_version(self, version: int) -> None:
        keys, made_on = self._read()
        if version == max(keys):
            raise ValueError("The current version of the KEK can't be destroyed.")
        del keys[version], made_on[version]
        self._replace(keys, made_on)

    def _read(self) -> tuple[dict[int, bytes], dict[int, date]]:
        try:
            with self.path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise Unreachable(
                        _("The KEK file can be read by others. Set its mode to 0600."), permanent=True
                    )
                text = file.read()
        except FileNotFoundError:
            raise Unreachable(
                _("There is no KEK file. Make one with `manage.py keys init`."), permanent=True
            ) from None
        try:
            versions = json.loads(text)["versions"]
            keys = {int(v): base64.b64decode(entry["key"], validate=True) for v, entry in versions.items()}
            made_on = {int(v): date.fromisoformat(entry["made_on"]) for v, entry in versions.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            keys, made_on = {}, {}
        if not keys or any(len(key) != crypto.KEY_BYTES for key in keys.values()):
            raise Damaged(_("The KEK file can't be read. Restore it from its own backup."))
        return keys, made_on

    def _replace(self, keys: Mapping[int, bytes], made_on: Mapping[int, date]) -> None:
        with self._written_aside(keys, made_on) as temporary:
            temporary.replace(self.path)
        for left in self.path.parent.glob(f".{self.path.name}-*"):
            left.unlink()  # of a process that was killed: it may hold a version that is to be destroyed
        self._sync_folder()

    @contextmanager
    def _written_aside(self, keys: Mapping[int, bytes], made_on: Mapping[int, date]) -> Iterator[Path]:
        """The content in a new file of mode 0600 beside the real one, on the disk before its turn comes."""
        versions = {
            str(v): {"key": base64.b64encode(key).decode(), "made_on": made_on[v].isoformat()}
            for v, key in keys.items()
        }
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"versions": versions}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        with suppress(OSError):  # some file systems can't sync a folder
            os.fsync(folder)
        os.close(folder)


def provider() -> Provider:
    """The provider the settings name."""
    if not settings.KEK_FILE:
        raise Unreachable(_("This process has no KEK: it may not open contact cards."), permanent=True)
    return FileProvider(Path(settings.KEK_FILE))
