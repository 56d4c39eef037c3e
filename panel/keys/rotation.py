"""Re-wrapping under a new version of the KEK, and destroying the old ones (CRY-04, CRY-06); no audit row.

Each chunk is a transaction of its own: killed at any moment, every key opens, and a second run goes on.
panel/vault/keyring.py is what others call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from panel.errors import Damaged
from panel.keys.models import DataKey, WrappedRoot
from panel.keys.providers import provider
from panel.keys.ring import Ring
from panel.keys.roots import index_root, lock, place_of
from panel.keys.services import place_of_key

#: Called with how many keys are done and how many there are.
Progress = Callable[[int, int], None]
CHUNK = 500


@dataclass(frozen=True)
class Rewrapped:
    """What a run over the wrapped keys did. Damaged ones stay as they are, and with them their version."""

    version: int
    rewrapped: int
    damaged: int


def add_version(*, today: date) -> int:
    """A new current version; keys made from now on are wrapped by it."""
    index_root()  # there must be a root to lock and to re-wrap
    with transaction.atomic(using="keystore"):
        lock()
        return provider().add_version(today=today)


def rewrap(progress: Progress | None = None) -> Rewrapped:
    """Bring every key under the current version, in chunks; goes on where a run was interrupted."""
    rewrapped, damaged = _rewrap_roots()
    total, done, last = DataKey.objects.count(), 0, b""
    while chunk := _rewrap_chunk(after=last):
        last = chunk.last
        done, rewrapped, damaged = done + chunk.seen, rewrapped + chunk.rewrapped, damaged + chunk.damaged
        if progress:
            progress(done, max(done, total))
    return Rewrapped(provider().ring().current, rewrapped, damaged)


@transaction.atomic(using="keystore")
def destroy_old() -> tuple[int, ...]:
    """Destroy the versions that wrap nothing any more; the current one and those in use stay."""
    lock()
    ring = provider().ring()
    used = set(DataKey.objects.values_list("kek_version", flat=True).distinct())
    used |= set(WrappedRoot.objects.values_list("kek_version", flat=True).distinct())
    empty = tuple(sorted(set(ring.made_on) - used - {ring.current}))
    for version in empty:
        provider().destroy_version(version)
    return empty


@transaction.atomic(using="keystore")
def _rewrap_roots() -> tuple[int, int]:
    ring = provider().ring()
    roots = list(WrappedRoot.objects.select_for_update().exclude(kek_version=ring.current))
    damaged = 0
    for root in roots:
        place = place_of(root.label)
        try:
            root.wrapped = ring.wrap(ring.unwrap(bytes(root.wrapped), place), place)
        except Damaged:
            damaged += 1
            continue
        root.kek_version = ring.current
        root.save()
    return len(roots) - damaged, damaged


@dataclass(frozen=True)
class _Chunk:
    last: bytes
    seen: int
    rewrapped: int
    damaged: int


@transaction.atomic(using="keystore")
def _rewrap_chunk(*, after: bytes) -> _Chunk | None:
    """The next keys in the order of their locators; None at the end.

    The rows stay locked to the end, so that the write can't bring back one that is being erased.
    """
    lock()
    ring = provider().ring()
    rows = list(DataKey.objects.select_for_update().filter(locator__gt=after).order_by("locator")[:CHUNK])
    if not rows:
        return None
    old = [row for row in rows if row.kek_version != ring.current]
    moved = [row for row in old if _moved(row, ring)]
    DataKey.objects.bulk_create(
        moved, update_conflicts=True, unique_fields=["locator"], update_fields=["kek_version", "wrapped"]
    )
    return _Chunk(bytes(rows[-1].locator), len(rows), len(moved), len(old) - len(moved))


def _moved(row: DataKey, ring: Ring) -> bool:
    """The row under the current version; False, and the row untouched, where it doesn't open."""
    place = place_of_key(bytes(row.locator))
    try:
        row.wrapped = ring.wrap(ring.unwrap(bytes(row.wrapped), place), place)
    except Damaged:
        return False
    row.kek_version = ring.current
    return True
