"""A full re-encryption: every card sealed anew under a new data key (CRY-04). The audit row is keyring.py's.

In three steps: next keys are stored for all cards there are, all cards are sealed with them, the next keys take the
old ones' place. A card opens at each moment with one of its keys; a run after a crash begins anew with the next
keys that are there. Safe beside workers: who writes a card locks its row before reading its keys, and seals with
the next one where there is one.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import renewal as keys
from panel.keys.macs import Index
from panel.keys.services import CardKeys, data_keys_of_cards
from panel.sets import batched, walk
from panel.vault.cards import BLOCKS, opened_card, sealed_card
from panel.vault.models import Card

CHUNK = 500
#: The keys of so many cards are held in memory at once (their locators, not the keys).
PART = 200_000
#: More damaged cards than these are no accident of single rows.
MOST_DAMAGED = 1000


@dataclass(frozen=True)
class Renewed:
    """How many cards have a new data key; damaged ones stay as they are, with the keys they have."""

    renewed: int
    damaged: int


def renew_cards(progress: Callable[[int, int], None] | None = None) -> Renewed:
    """Each card in the order of locators, which tells nothing of members."""
    run = uuid.uuid4()
    for _is_of_part, part in key_locators():
        for chunk in batched(sorted(part)):
            keys.prepare(chunk, run=run)
    index, total, seen, damaged = Index.load(), Card.objects.count(), 0, set[bytes]()
    for locators in card_locators():
        shut = set(locators) - _seal_anew(locators)
        seen, damaged = seen + len(locators), damaged | {index.key_locator(locator) for locator in shut}
        if len(damaged) > MOST_DAMAGED:
            raise Damaged(_("Too many cards do not open; nothing is lost. Run `manage.py keys verify`."))
        if progress:
            progress(seen, max(seen, total))
    keys.promote(run=run, but=damaged)
    return Renewed(seen - len(damaged), len(damaged))


def card_locators() -> Iterator[list[bytes]]:
    """Where all cards are found, a set at a time."""
    yield from walk(Card.objects.all(), "locator", CHUNK)


def key_locators() -> Iterator[tuple[Callable[[bytes], bool], set[bytes]]]:
    """Where the cards' data keys are found, in parts: a large panel needs no more memory than a small one.

    Only a card leads to its key, so each part walks all cards. With each part comes what tells whose part a key is.
    """
    index, parts = Index.load(), Card.objects.count() // PART + 1
    for part in range(parts):
        is_of_part = partial(_falls_in, parts, part)
        walked = (index.key_locator(locator) for chunk in card_locators() for locator in chunk)
        yield is_of_part, set(filter(is_of_part, walked))


def _falls_in(parts: int, part: int, locator: bytes) -> bool:
    return int.from_bytes(locator[:4], "big") % parts == part


@transaction.atomic(using="vault")
def _seal_anew(locators: Sequence[bytes]) -> set[bytes]:
    """The cards under their next keys. Locked before the keys are read. Returns those that are well or gone."""
    index = Index.load()
    cards = list(Card.objects.select_for_update().filter(locator__in=locators).order_by("locator"))
    data_keys = data_keys_of_cards(bytes(card.locator) for card in cards)
    rows = [new for card in cards if (new := _under_next_key(card, data_keys, index))]
    Card.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["locator"], update_fields=list(BLOCKS)
    )
    shut = {bytes(card.locator) for card in cards} - {bytes(row.locator) for row in rows}
    return set(locators) - shut


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
