"""Yesterday's dumps beside today's keys (CRY-06, CRY-07): whose card opens? What a thief of backups would try.

Reads dumps of SQLite, as `manage.py backup` makes them; brings nothing back and writes nothing.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from panel.errors import Damaged
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.keys.models import DataKey
from panel.keys.providers import provider
from panel.keys.services import CardKeys, data_keys_of_cards
from panel.vault.cards import opened_card
from panel.vault.models import Card

Row = Mapping[str, object]


def cards(dump: Path) -> list[Card]:
    """The contact cards that a dump of the vault holds, sealed as they were."""
    return [Card(**dict(row)) for row in _rows(dump, Card._meta.db_table)]


def open_today(dump: Path) -> set[str]:
    """Codes of the members whose card in an old dump opens with the keystore and KEK of today."""
    found = cards(dump)
    return _opened(found, data_keys_of_cards(bytes(card.locator) for card in found))


def open_with(dump: Path, keystore: Path) -> set[str]:
    """The same with the keystore's own old dump: its keys are wrapped by a KEK version that is no more."""
    ring, index, keys = provider().ring(), Index.load(), dict[bytes, bytes]()
    for row in _rows(keystore, DataKey._meta.db_table):
        locator, wrapped = row["locator"], row["wrapped"]
        assert isinstance(locator, bytes)
        assert isinstance(wrapped, bytes)
        with suppress(Damaged):
            keys[locator] = ring.unwrap(wrapped, Place(DataKey._meta.db_table, "wrapped", locator))
    found = cards(dump)
    own = {bytes(card.locator): keys.get(index.key_locator(bytes(card.locator))) for card in found}
    return _opened(found, {locator: (key,) for locator, key in own.items() if key})


def _opened(found: Collection[Card], keys: CardKeys) -> set[str]:
    opened = set()
    for card in found:
        with suppress(Damaged):
            opened.add(opened_card(card, keys).code)
    return opened


def _rows(dump: Path, table: str) -> Iterator[Row]:
    with closing(sqlite3.connect(f"file:{dump}?mode=ro", uri=True)) as old:
        old.row_factory = sqlite3.Row
        yield from old.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a model's own table
