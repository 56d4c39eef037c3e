"""One card between clear and sealed. The only code that sees both; writes nothing."""

from collections.abc import Collection
from contextlib import suppress
from datetime import date

from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.keys.services import CardKeys
from panel.vault.models import Card
from panel.vault.rules import ContactData, tidy_address

#: Sealed columns and how many 64-byte blocks each fills at least; any usable address fits its four.
BLOCKS = {"code": 1, "email": 4, "first_name": 2, "last_name": 2, "phone": 1}
#: What may be asked of a card besides its code.
ALL = tuple(column for column in BLOCKS if column != "code")


def sealed_card(data: ContactData, *, key: bytes, index: Index, bits: int, today: date) -> Card:
    """The row for the vault."""
    locator = index.card_locator(data.code)
    sealed = {
        column: crypto.seal(
            (getattr(data, column) or "").encode(),
            key=key,
            place=place_of_column(column, locator),
            blocks=blocks,
        )
        for column, blocks in BLOCKS.items()
    }
    bucket = index.address_bucket(tidy_address(data.email), bits)
    return Card(locator=locator, bucket=bucket, bucket_bits=bits, made_on=today, **sealed)


def open_column(card: Card, column: str, keys: CardKeys) -> str:
    """One field in clear; `keys` holds data keys by the locators of cards: two while a card is renewed."""
    locator = bytes(card.locator)
    *others, last = keys.get(locator) or (None,)
    if last is None:
        raise Damaged(_("A contact card has no data key: it can't be opened any more."))
    sealed, place = bytes(getattr(card, column)), place_of_column(column, locator)
    for key in others:
        with suppress(Damaged):
            return crypto.open_sealed(sealed, key=key, place=place).decode()
    return crypto.open_sealed(sealed, key=last, place=place).decode()


def opened_card(card: Card, keys: CardKeys, columns: Collection[str] = ALL) -> ContactData:
    """The card in clear: its code, which proves whose it is, and these columns; the others are empty."""
    clear = {column: open_column(card, column, keys) if column in columns else "" for column in ALL}
    names = clear["first_name"], clear["last_name"]
    return ContactData(open_column(card, "code", keys), clear["email"], *names, clear["phone"] or None)


def place_of_column(column: str, locator: bytes) -> Place:
    return Place("vault_card", column, locator)
