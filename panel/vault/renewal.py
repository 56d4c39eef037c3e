"""A full re-encryption: every card sealed anew under a new data key (CRY-04). The audit row is keyring.py's.

In chunks: the next keys are stored, the cards are sealed with them in one transaction, the next keys take the old
ones' place. A card opens at each moment with one of its keys; a run after a crash ends what was begun.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from panel.errors import Damaged
from panel.keys import renewal as keys
from panel.keys.macs import Index
from panel.keys.services import CardKeys, data_keys_of_cards
from panel.vault.cards import BLOCKS, opened_card, sealed_card
from panel.vault.models import Card

CHUNK = 500


@dataclass(frozen=True)
class Renewed:
    """How many cards have a new data key; damaged ones stay as they are, with the key they have."""

    renewed: int
    damaged: int


def renew_cards(progress: Callable[[int, int], None] | None = None) -> Renewed:
    """Each card in the order of locators, which tells nothing of members."""
    total, seen, renewed, last = Card.objects.count(), 0, 0, b""
    while chunk := _after(last):
        keys.prepare(chunk)
        sealed = _seal_anew(chunk)
        keys.promote(sealed)
        last, seen, renewed = chunk[-1], seen + len(chunk), renewed + len(sealed)
        if progress:
            progress(seen, max(seen, total))
    return Renewed(renewed, seen - renewed)


def _after(last: bytes) -> list[bytes]:
    later = Card.objects.filter(locator__gt=last).order_by("locator").values_list("locator", flat=True)
    return [bytes(locator) for locator in later[:CHUNK]]


@transaction.atomic(using="vault")
def _seal_anew(locators: Sequence[bytes]) -> list[bytes]:
    """The cards under their next keys; returns those that were. Locked before the keys are read."""
    index = Index.load()
    cards = list(Card.objects.select_for_update().filter(locator__in=locators).order_by("locator"))
    data_keys = data_keys_of_cards(bytes(card.locator) for card in cards)
    rows = [new for card in cards if (new := _under_next_key(card, data_keys, index))]
    Card.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["locator"], update_fields=list(BLOCKS)
    )
    return [bytes(row.locator) for row in rows]


def _under_next_key(card: Card, data_keys: CardKeys, index: Index) -> Card | None:
    """The row to write; None where the card doesn't open or is another member's, and nothing may be lost."""
    locator = bytes(card.locator)
    try:
        data = opened_card(card, data_keys)
    except Damaged:
        return None
    if index.card_locator(data.code) != locator:
        return None
    key = data_keys[locator][0]
    return sealed_card(data, key=key, index=index, bits=card.bucket_bits, today=card.made_on)
