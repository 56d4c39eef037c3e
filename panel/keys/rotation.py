"""Re-wrapping under a new version of the KEK, and destroying the old ones (CRY-04, CRY-06); no audit row.

Each chunk is a transaction of its own: killed at any moment, every key opens, and a second run goes on.
panel/vault/keyring.py is what others call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import BinaryField
from django.db.models.functions import Substr

from panel.keys import crypto
from panel.keys.bulk import set_wrapped
from panel.keys.crypto import Place
from panel.keys.models import DataKey, NextKey, WrappedRoot
from panel.keys.providers import provider
from panel.keys.ring import Ring
from panel.keys.roots import index_root, lock, place_of

#: Called with how many keys are done and how many there are.
Progress = Callable[[int, int], None]
CHUNK = 1000
TABLES: tuple[type[DataKey] | type[NextKey], ...] = (DataKey, NextKey)


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
    total, done = sum(model.objects.count() for model in TABLES), 0
    for model in TABLES:
        last = b""
        while chunk := _rewrap_chunk(model, after=last):
            last = chunk.last
            done, rewrapped, damaged = done + chunk.seen, rewrapped + chunk.rewrapped, damaged + chunk.damaged
            if progress:
                progress(done, max(done, total))
    return Rewrapped(provider().ring().current, rewrapped, damaged)


@transaction.atomic(using="keystore")
def destroy_old() -> tuple[int, ...]:
    """Destroy the versions that wrap nothing any more; the current one and those in use stay.

    What a row is wrapped by stands in the row and in the wrapped bytes; either is enough to keep a version.
    """
    lock()
    ring = provider().ring()
    tables = (*TABLES, WrappedRoot)
    used: set[int] = set()
    for model in tables:
        heads = model.objects.annotate(
            head=Substr("wrapped", 1, crypto.HEADER.size, output_field=BinaryField())
        )
        for version, head in heads.values_list("kek_version", "head").distinct():
            used |= {version, *crypto.versions_of(bytes(head or b""))}
    empty = tuple(sorted(set(ring.made_on) - used - {ring.current}))
    for version in empty:
        provider().destroy_version(version)
    return empty


@transaction.atomic(using="keystore")
def _rewrap_roots() -> tuple[int, int]:
    """How many were re-wrapped, and how many don't open."""
    lock()
    ring = provider().ring()
    roots = [
        root
        for root in WrappedRoot.objects.select_for_update()
        if _is_old(root.kek_version, root.wrapped, ring)
    ]
    damaged = 0
    for root, wrapped in zip(
        roots, ring.rewrap((place_of(r.label), bytes(r.wrapped)) for r in roots), strict=True
    ):
        if wrapped is None:
            damaged += 1
        else:
            root.kek_version, root.wrapped = ring.current, wrapped
            root.save()
    return len(roots) - damaged, damaged


@dataclass(frozen=True)
class _Chunk:
    last: bytes
    seen: int
    rewrapped: int
    damaged: int


@transaction.atomic(using="keystore")
def _rewrap_chunk(model: type[DataKey] | type[NextKey], *, after: bytes) -> _Chunk | None:
    """The next keys in the order of their locators; None at the end.

    The lock keeps every version in place to the end, and every other writer of wrapped keys away; a key that is
    deleted meanwhile stays deleted, for only rows that are there are written.
    """
    lock()
    ring = provider().ring()
    keys = model.objects.filter(locator__gt=after).order_by("locator")
    rows = list(keys.values_list("locator", "kek_version", "wrapped")[:CHUNK])
    if not rows:
        return None
    old = [(bytes(row[0]), bytes(row[2])) for row in rows if _is_old(row[1], row[2], ring)]
    table = model._meta.db_table
    wrapped = ring.rewrap((Place(table, "wrapped", locator), value) for locator, value in old)
    moved = [(locator, new) for (locator, _old), new in zip(old, wrapped, strict=True) if new]
    set_wrapped(model, moved, ring.current)
    return _Chunk(bytes(rows[-1][0]), len(rows), len(moved), len(old) - len(moved))


def _is_old(version: int, wrapped: bytes | memoryview, ring: Ring) -> bool:
    """By the row or by the bytes."""
    return version != ring.current or wrapped[: crypto.HEADER.size] != ring.wrapping().header
