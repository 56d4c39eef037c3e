"""New data keys for cards that are sealed anew (CRY-04): made beside the old ones, then put in their place.

Between the two the vault seals the cards with the new ones (panel/vault/renewal.py). Whatever moment a crash
chooses, a card opens with one of the two keys that are there.
"""

from collections.abc import Iterable

from django.db import transaction

from panel.keys import crypto
from panel.keys.bulk import set_wrapped
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.keys.models import DataKey, NextKey
from panel.keys.providers import provider
from panel.keys.roots import lock


@transaction.atomic(using="keystore")
def prepare(card_locators: Iterable[bytes]) -> None:
    """A next data key for each of these cards that has a data key; one that is there already stays."""
    index = Index.load()
    wanted = [index.key_locator(locator) for locator in card_locators]
    lock()
    ring = provider().ring()
    have = DataKey.objects.filter(locator__in=wanted).values_list("locator", flat=True)
    rows = [
        NextKey(
            locator=locator,
            kek_version=ring.current,
            wrapped=ring.wrap(crypto.random_key(), _next(bytes(locator))),
        )
        for locator in have.order_by("locator")
    ]
    NextKey.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic(using="keystore")
def promote(card_locators: Iterable[bytes]) -> None:
    """The next keys of these cards take the old ones' place, which are gone. All must be sealed with them."""
    index = Index.load()
    lock()
    ring = provider().ring()
    coming = NextKey.objects.filter(locator__in=[index.key_locator(one) for one in card_locators])
    rows = [(bytes(locator), bytes(wrapped)) for locator, wrapped in coming.values_list("locator", "wrapped")]
    moved = [
        (locator, ring.wrap(ring.unwrap(wrapped, _next(locator)), _present(locator)))
        for locator, wrapped in rows
    ]
    set_wrapped(DataKey, moved, ring.current)
    NextKey.objects.filter(locator__in=[locator for locator, _wrapped in rows]).delete()


def _present(locator: bytes) -> Place:
    return Place("keys_datakey", "wrapped", locator)


def _next(locator: bytes) -> Place:
    return Place("keys_nextkey", "wrapped", locator)
