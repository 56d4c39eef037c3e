"""One card between clear and sealed. The only code that sees both; writes nothing."""

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.vault.models import Card
from panel.vault.rules import ContactData, tidy_address

#: Sealed columns and how many 64-byte blocks each fills at least; any usable address fits its four.
BLOCKS = {"code": 1, "email": 4, "first_name": 2, "last_name": 2, "phone": 1}


def sealed_card(data: ContactData, *, key: bytes, index: Index, bits: int, today: date) -> Card:
    """The row for the vault."""
    locator = index.card_locator(data.code)
    sealed = {
        column: crypto.seal(
            (getattr(data, column) or "").encode(), key=key, place=_place(column, locator), blocks=blocks
        )
        for column, blocks in BLOCKS.items()
    }
    bucket = index.address_bucket(tidy_address(data.email), bits)
    return Card(locator=locator, bucket=bucket, bucket_bits=bits, made_on=today, **sealed)


def open_column(card: Card, column: str, keys: Mapping[bytes, bytes]) -> str:
    """One field in clear; `keys` holds data keys by the locators of cards."""
    locator = bytes(card.locator)
    key = keys.get(locator)
    if key is None:
        raise Damaged(_("A contact card has no data key: it can't be opened any more."))
    return crypto.open_sealed(bytes(getattr(card, column)), key=key, place=_place(column, locator)).decode()


def opened_card(card: Card, keys: Mapping[bytes, bytes]) -> ContactData:
    """The whole card in clear."""
    code, email, first_name, last_name, phone = (open_column(card, column, keys) for column in BLOCKS)
    return ContactData(code, email, first_name, last_name, phone or None)


def _place(column: str, locator: bytes) -> Place:
    return Place("vault_card", column, locator)
