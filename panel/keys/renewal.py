"""New data keys for cards that are sealed anew (CRY-04): made beside the old ones, then put in their place.

Between the two the vault seals every card with the new ones (panel/vault/renewal.py). Whatever moment a crash
chooses, a card opens with one of the two keys that are there. Rows are written in the order of their locators,
not of the cards', so that the order of rows joins no key to a card (ZON-02).
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction

from panel.keys import crypto
from panel.keys.bulk import set_wrapped
from panel.keys.crypto import Place
from panel.keys.models import DataKey, NextKey
from panel.keys.providers import provider
from panel.keys.roots import lock

CHUNK = 1000


@transaction.atomic(using="keystore")
def prepare(locators: Sequence[bytes], *, run: UUID) -> None:
    """A next key for each of these data keys that is there; what an earlier run left is taken over."""
    lock()
    ring = provider().ring()
    waiting = NextKey.objects.filter(locator__in=locators)
    waiting.update(run=run)
    known = {bytes(locator) for locator in waiting.values_list("locator", flat=True)}
    present = (
        DataKey.objects.filter(locator__in=locators).order_by("locator").values_list("locator", flat=True)
    )
    wanted = [bytes(locator) for locator in present if bytes(locator) not in known]
    NextKey.objects.bulk_create(
        NextKey(
            locator=locator,
            kek_version=ring.current,
            wrapped=ring.wrap(crypto.random_key(), _next(locator)),
            run=run,
        )
        for locator in wanted
    )


def promote(*, run: UUID, but: Collection[bytes]) -> None:
    """This run's next keys take the old ones' place, which are gone; all cards are sealed with them, `but` these."""
    last = b""
    while chunk := _promote_chunk(run, but, last):
        last = chunk


@transaction.atomic(using="keystore")
def _promote_chunk(run: UUID, but: Collection[bytes], after: bytes) -> bytes:
    """Returns the last locator it saw; nothing at the end."""
    lock()
    ring = provider().ring()
    coming = NextKey.objects.filter(run=run, locator__gt=after).order_by("locator")
    rows = [(bytes(row), bytes(key)) for row, key in coming.values_list("locator", "wrapped")[:CHUNK]]
    ready = [(row, ring.unwrap(key, _next(row))) for row, key in rows if row not in but]
    set_wrapped(DataKey, [(row, ring.wrap(key, _present(row))) for row, key in ready], ring.current)
    NextKey.objects.filter(locator__in=[row for row, _key in ready]).delete()
    return rows[-1][0] if rows else b""


def _present(locator: bytes) -> Place:
    return Place("keys_datakey", "wrapped", locator)


def _next(locator: bytes) -> Place:
    return Place("keys_nextkey", "wrapped", locator)
