"""Writes on the keystore: data keys made, found, destroyed. A new KEK is the business of rotation.py."""

import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.keys.models import DataKey, NextKey, WrappedRoot
from panel.keys.providers import provider
from panel.keys.roots import INDEX, TRIES, index_root, lock
from panel.sets import batched

#: Data keys by the locators of the cards they open.
CardKeys = Mapping[bytes, tuple[bytes, ...]]
_random = random.SystemRandom()


def create_data_keys(codes: Iterable[str], *, today: date) -> dict[str, bytes]:
    """A data key for each member, new or the one there is. Committed before any card is sealed with it."""
    made: dict[str, bytes] = {}
    for chunk in batched(codes):
        made |= _create_chunk(chunk, today)
    return made


@transaction.atomic(using="keystore")
def _create_chunk(codes: Sequence[str], today: date) -> dict[str, bytes]:
    index = Index.load()
    lock()
    known, ring = data_keys(codes), provider().ring()
    new = {code: crypto.random_key() for code in codes if code not in known}
    rows = []
    for code, key in new.items():
        locator = index.key_locator(index.card_locator(code))
        wrapped = ring.wrap(key, Place("keys_datakey", "wrapped", locator))
        rows.append(DataKey(locator=locator, kek_version=ring.current, wrapped=wrapped, made_on=today))
    _random.shuffle(rows)  # the order of rows must not tell the order of members (ZON-02)
    DataKey.objects.bulk_create(rows)
    return known | new


def data_keys(codes: Iterable[str]) -> dict[str, bytes]:
    """The data keys of those members who have one: what their cards are sealed with from now on."""
    index = Index.load()
    by_card = {index.card_locator(code): code for code in codes}
    found = {by_card[card]: keys[0] for card, keys in data_keys_of_cards(by_card).items()}
    shut = {index.key_locator(card): code for card, code in by_card.items() if code not in found}
    for locators in batched(shut):
        row = DataKey.objects.filter(locator__in=locators).first()
        if row:
            told = _("The data key of %(code)s does not open. Run `manage.py keys verify`, which says why.")
            raise Damaged(told % {"code": shut[bytes(row.locator)]})
    return found


def data_keys_of_cards(card_locators: Iterable[bytes]) -> CardKeys:
    """The data keys that open these cards, by the cards' locators; the one to seal with first. Damaged ones are absent.

    There are two while a card is being renewed (panel/keys/renewal.py). The next ones are read first: who holds
    the card's row then can't miss one.
    """
    index, found = Index.load(), dict[bytes, tuple[bytes, ...]]()
    for chunk in batched(card_locators):
        cards = {index.key_locator(locator): locator for locator in chunk}
        coming, present = _unwrapped(NextKey, cards), _unwrapped(DataKey, cards)
        found |= {card: (*filter(None, [coming.get(card)]), key) for card, key in present.items()}
    return found


def _unwrapped(model: type[DataKey] | type[NextKey], cards: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Rows first, then the ring; again if a rotation destroyed a version in between."""
    for _attempt in range(TRIES):
        rows = list(
            model.objects.filter(locator__among=cards).values_list("locator", "kek_version", "wrapped")
        )
        ring = provider().ring()
        if all(version in ring.made_on for _locator, version, _wrapped in rows):
            break
    table, found = model._meta.db_table, dict[bytes, bytes]()
    for locator, _version, wrapped in rows:
        with suppress(Damaged):  # who opens a card is told which
            found[cards[bytes(locator)]] = ring.unwrap(
                bytes(wrapped), Place(table, "wrapped", bytes(locator))
            )
    return found


def destroy_data_keys(codes: Iterable[str]) -> int:
    """Delete the data keys; only an old copy of the keystore opens what they sealed, until `rotate`."""
    index = Index.load()
    return _delete(index.key_locator(index.card_locator(code)) for code in codes)


def orphans(known_cards: Iterable[bytes], *, before: date) -> tuple[list[bytes], int]:
    """Data keys made before a day that open none of these cards, both by locator; and how many keys there are."""
    index = Index.load()
    known = {index.key_locator(locator) for locator in known_cards}
    old = DataKey.objects.filter(made_on__lt=before).values_list("locator", flat=True)
    return [bytes(one) for one in old.iterator() if bytes(one) not in known], DataKey.objects.count()


def destroy_orphans(locators: Iterable[bytes]) -> int:
    """Delete these data keys."""
    return _delete(locators)


def _delete(locators: Iterable[bytes]) -> int:
    deleted = 0
    for chunk in batched(locators):
        deleted += DataKey.objects.filter(locator__in=chunk).delete()[0]
        NextKey.objects.filter(locator__in=chunk).delete()
    return deleted


def initialise(*, today: date) -> tuple[bool, bool]:
    """Make the KEK file and the index root where they are absent; says which were made. Never overwrites."""
    new_file = provider().create(today=today)
    new_root = not WrappedRoot.objects.filter(label=INDEX).exists()
    index_root()
    return new_file, new_root
