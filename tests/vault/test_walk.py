"""A thief's walk over all that lies in the three databases after 200 enrolments, some changes of address and some
who never want to be contacted again (ZON-02, CRY-08): what they share, and whether anything proves a membership.
"""

from collections.abc import Iterator
from datetime import date, datetime
from statistics import correlation
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections, models, router

from panel.audit.rules import Actor
from panel.enrolment import addresses, intake, suppression
from panel.keys import crypto, roots
from panel.keys.macs import Index
from panel.keys.models import DataKey
from panel.members.models import PanelMember
from panel.rights.addresses import ask_change
from panel.vault.models import Card, Suppressed
from tests.factories import cast
from tests.factories.staged import staged

pytestmark = pytest.mark.django_db
PEOPLE, CHANGED, NEVER = 200, 5, 3
#: Columns an index may stand on in vault and keystore: each is a keyed hash, cut so short that many share it, or
#: says nothing of a person.
INDEXED = {
    "vault_card": {"locator", "bucket"},
    "vault_suppressed": {"mark", "register"},
    "keys_datakey": {"locator", "kek_version"},
    "keys_nextkey": {"locator"},
    "keys_wrappedroot": {"label"},
}
#: How a thief of the database's files would read a table: in its physical order.
PHYSICAL = {"sqlite": "SELECT {} FROM {}", "postgresql": "SELECT {} FROM {} ORDER BY ctid"}


@pytest.fixture(scope="module")
def people(django_db_setup, django_db_blocker) -> Iterator[list[PanelMember]]:
    """Made once: nothing here writes."""
    with staged(django_db_blocker, _enrolled) as made:
        yield made


def _enrolled() -> list[PanelMember]:
    study = cast.study()
    members = cast.people(study, PEOPLE)
    intake.ensure(today=cast.NOW.date())
    for number, member in enumerate(members[:CHANGED]):
        addresses.change_address(
            by=cast.SYSTEM, member=member, address=f"moved{number}@example.net", now=cast.NOW
        )
    for member in members[CHANGED : CHANGED + NEVER]:
        suppression.suppress(by=cast.SYSTEM, member=member, now=cast.NOW)
    for member in members[-3:]:
        ask_change(by=Actor.member(member.code), member=member, address="waits@example.net", now=cast.NOW)
    return members


def cells(zone: str) -> Iterator[tuple[str, Any]]:
    """Each value in each table of a database, with its column."""
    for model in apps.get_models(include_auto_created=True):
        if router.db_for_write(model) == zone and model._meta.managed:
            columns = [field.attname for field in model._meta.concrete_fields]
            for row in model._default_manager.using(zone).values_list(*columns):
                yield from (
                    (f"{model._meta.db_table}.{name}", value)
                    for name, value in zip(columns, row, strict=True)
                )


def telling(zone: str) -> dict[str, str]:
    """What could join two databases: values of eight bytes and more, as hexadecimal, with a column they stand in."""
    found = {}
    for column, value in cells(zone):
        if isinstance(value, bytes | memoryview):
            plain = bytes(value).hex()
        elif isinstance(value, date | bool | None | int):
            continue
        else:
            plain = str(value).replace("-", "").encode().hex() if not hasattr(value, "hex") else value.hex
        if len(plain) >= 16:
            found[plain] = column
    return found


def test_zon_02_no_value_stands_in_two_databases(people):
    zones = {zone: telling(zone) for zone in ("default", "vault", "keystore")}
    assert len(zones["vault"]) > PEOPLE
    assert len(zones["keystore"]) > PEOPLE
    for one, other in (("default", "vault"), ("default", "keystore"), ("vault", "keystore")):
        both = {zones[one][value]: zones[other][value] for value in zones[one].keys() & zones[other].keys()}
        assert both == {}, (one, other)


def test_zon_02_vault_and_keystore_hold_no_moment_and_no_number_that_counts(people):
    for zone in ("vault", "keystore"):
        for column, value in cells(zone):
            assert not isinstance(value, datetime), column
            if isinstance(value, int):
                assert column.split(".")[1] in {"bucket", "bucket_bits", "kek_version"}, column


@pytest.mark.parametrize("zone", ["vault", "keystore"])
def test_zon_02_each_table_there_is_known_to_this_walk_and_its_indexes_too(zone):
    """CRY-08: never an index over low-entropy data; a new table has to be thought about here."""
    for model in apps.get_models():
        if router.db_for_write(model) != zone:
            continue
        meta = model._meta
        found = {
            field.column
            for field in meta.concrete_fields
            if field.primary_key or field.db_index or field.unique
        }
        found |= {name for index in meta.indexes for name in index.fields}
        found |= {name for rule in meta.constraints for name in getattr(rule, "fields", ())}
        assert found <= INDEXED[meta.db_table]
        assert not any(field.is_relation for field in meta.get_fields())


def physical(model: type[models.Model]) -> list[bytes]:
    connection = connections[router.db_for_read(model)]
    key = model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(PHYSICAL[connection.vendor].format(key, model._meta.db_table))
        return [bytes(value) for (value,) in cursor.fetchall()]


def test_zon_02_no_order_is_shared_by_members_cards_and_keys(people):
    index = Index.load()
    codes = list(PanelMember.objects.values_list("code", flat=True))  # as they lie in the table
    cards, keys = physical(Card), physical(DataKey)
    locators = [index.card_locator(code) for code in codes]
    ranks = [cards.index(locator) for locator in locators]
    key_ranks = [keys.index(index.key_locator(locator)) for locator in locators]
    for one, other in [(range(PEOPLE), ranks), (range(PEOPLE), key_ranks), (ranks, key_ranks)]:
        assert abs(correlation(one, other)) < 0.4  # by chance once in 100 million runs


def test_zon_02_the_cards_written_last_are_not_those_whose_address_changed_last(people):
    index = Index.load()
    changed = [index.card_locator(member.code) for member in people[:CHANGED]]
    assert physical(Card)[-CHANGED:] != changed
    assert set(physical(Card)[-2:]) != set(changed[-2:])  # by chance once in some thousand runs


def macs_of(address: str) -> set[str]:
    """Every full-length keyed hash of an address that any key of the service gives, but the list's own."""
    derived = [getattr(Index.load(), name) for name in Index.__dataclass_fields__]
    service = [crypto.derive(settings.SERVICE_KEY, label) for label in ("token", "audit", "journal", "copy")]
    plain = [roots.index_root(), settings.SERVICE_KEY]
    return {crypto.mac(key, address.encode()).hex() for key in (*derived, *service, *plain)}


def test_cry_08_no_table_proves_with_a_leaked_key_that_an_address_is_a_members(people):
    """Only of who asked never to be contacted again there is a full-length hash (LAW-13), under its own key."""
    everything = "".join(telling(zone).__str__() for zone in ("default", "vault", "keystore"))
    for address in ("amal@example.org", "m2@example.org", "m199@example.org", "moved0@example.net"):
        for mac in macs_of(address):
            assert mac not in everything
            assert mac[:16] not in everything  # nor the first eight bytes of one
    assert Suppressed.objects.count() == NEVER


def test_cry_08_an_outsiders_address_hits_a_bucket_nearly_always_and_none_is_alone(people):
    index, bits = Index.load(), Card.objects.values_list("bucket_bits", flat=True)[0]
    sizes: dict[int, int] = {}
    for bucket in Card.objects.values_list("bucket", flat=True):
        sizes[bucket] = sizes.get(bucket, 0) + 1
    assert 2 <= PEOPLE / 2**bits < PEOPLE**0.5
    outsiders = [index.address_bucket(f"outsider{number}@example.net", bits) for number in range(500)]
    assert sum(bucket in sizes for bucket in outsiders) > 0.95 * 500
    assert sum(sizes.get(bucket, 0) > 1 for bucket in outsiders) > 0.9 * 500
