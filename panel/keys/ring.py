"""The KEK ring: numbered keys in one JSON file of mode 0600, each sealed by what settings.KEK_PROVIDER names.

The file is replaced whole and read anew each time, for another process may rotate; a version that was opened once
stays open in the process's memory until it is gone from the file, so that nobody is called for each card. A version
is destroyed by leaving the file: outside services archive their own keys and can't do that for one alone.
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from django.utils.translation import gettext as _

from panel.disk import sync_folder
from panel.errors import Damaged, NotNow, Unreachable
from panel.keys import crypto
from panel.keys.crypto import Algorithm, Place, SealingKey
from panel.keys.sealers import Sealer


@dataclass(frozen=True)
class Entry:
    """One version as it lies in the file."""

    sealed: str = field(repr=False)
    sealed_by: str
    made_on: date


#: Finds a sealer by name: while a provider is changed, old versions are still opened by the former one.
Sealers = Callable[[str], Sealer]
#: The versions this process has opened, by file and entry.
_opened: dict[Path, dict[tuple[int, Entry], SealingKey]] = {}


@dataclass(frozen=True)
class Ring:
    """The versions of the KEK at one moment; never shows a key."""

    path: Path
    entries: Mapping[int, Entry]
    provider: str
    sealers: Sealers = field(repr=False)
    _keys: dict[int, SealingKey] = field(default_factory=dict, repr=False, compare=False)

    @property
    def made_on(self) -> Mapping[int, date]:
        """Each version there is, and the day it was made."""
        return {version: entry.made_on for version, entry in self.entries.items()}

    @property
    def current(self) -> int:
        """The version that wraps."""
        return max(self.entries)

    def wrap(self, key: bytes, place: Place) -> bytes:
        """Wrap under the current version."""
        return self.wrapping().seal(key, place=place)

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        """Unwrap under the version the value names."""
        return self._of(wrapped, place).open(wrapped, place=place)

    def rewrap(self, values: Iterable[tuple[Place, bytes]]) -> Iterator[bytes | None]:
        """The same keys under the current version, in their order; None for one that doesn't open."""
        to = self.wrapping()
        for place, wrapped in values:
            try:
                yield self._of(wrapped, place).move(wrapped, place=place, to=to)
            except Damaged:
                yield None

    def key(self, version: int) -> SealingKey:
        """One version; opened on its first use in this process, looked up on its first in this ring."""
        if version not in self._keys:
            entry, opened = self.entries[version], _opened.setdefault(self.path, {})
            if (version, entry) not in opened:
                key = self.sealers(entry.sealed_by).open(entry.sealed, version)
                opened[version, entry] = SealingKey(key, version=version, algorithm=Algorithm.AES_256_GCM_SIV)
            self._keys[version] = opened[version, entry]
        return self._keys[version]

    def _of(self, wrapped: bytes, place: Place) -> SealingKey:
        version = crypto.key_version(wrapped, place=place)
        if version not in self.entries:
            raise place.damaged()
        return self.key(version)

    def wrapping(self) -> SealingKey:
        """The current version, if the present provider seals it: nothing new is wrapped by another's."""
        if (sealed_by := self.entries[self.current].sealed_by) != self.provider:
            raise NotNow(
                _(
                    "The KEK is sealed by %(was)s, and KEK_PROVIDER says %(now)s. If that is meant, "
                    "run `manage.py keys rotate`: it makes a version that %(now)s seals."
                )
                % {"was": sealed_by, "now": self.provider}
            )
        return self.key(self.current)


@dataclass(frozen=True)
class RingFile:
    """Keeps the ring. New versions are sealed by `provider`."""

    path: Path
    provider: str
    sealers: Sealers

    def ring(self) -> Ring:
        """The ring as it is now; keys of versions that are gone are forgotten."""
        entries = self._read()
        still = set(entries.items())
        _opened[self.path] = {
            known: key for known, key in _opened.get(self.path, {}).items() if known in still
        }
        return Ring(self.path, entries, self.provider, self.sealers)

    def create(self, *, today: date) -> bool:
        """Make the file with version 1; False, and nothing touched, where there is one."""
        if self.path.exists():
            return False
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._written_aside({1: self._new(1, today)}) as temporary:
            try:
                os.link(temporary, self.path)  # unlike rename, never replaces what another process just made
            except FileExistsError:
                return False
        sync_folder(self.path.parent)
        return True

    def add_version(self, *, today: date) -> int:
        """Make a new current version."""
        entries = self._read()
        version = max(entries) + 1
        self._replace({**entries, version: self._new(version, today)})
        return version

    def destroy_version(self, version: int) -> None:
        """Destroy an old version for good."""
        entries = self._read()
        if version == max(entries):
            raise ValueError("The current version of the KEK can't be destroyed.")
        del entries[version]
        self._replace(entries)

    def _new(self, version: int, today: date) -> Entry:
        return Entry(self.sealers(self.provider).seal(crypto.random_key(), version), self.provider, today)

    def _read(self) -> dict[int, Entry]:
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
            entries = {int(version): _entry(**entry) for version, entry in versions.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            entries = {}
        if not entries:
            raise Damaged(_("The KEK file can't be read. Restore it from its own backup."))
        return entries

    def _replace(self, entries: Mapping[int, Entry]) -> None:
        with self._written_aside(entries) as temporary:
            temporary.replace(self.path)
        for left in self.path.parent.glob(f".{self.path.name}-*"):
            left.unlink()  # of a process that was killed: it may hold a version that is to be destroyed
        sync_folder(self.path.parent)

    @contextmanager
    def _written_aside(self, entries: Mapping[int, Entry]) -> Iterator[Path]:
        """The content in a new file of mode 0600 beside the real one, on the disk before its turn comes."""
        versions = {
            str(version): {"made_on": e.made_on.isoformat(), "sealed_by": e.sealed_by, "key": e.sealed}
            for version, e in entries.items()
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


def _entry(*, made_on: str, sealed_by: str, key: str) -> Entry:
    return Entry(key, sealed_by, date.fromisoformat(made_on))
