"""What vault and keystore have in common with the rest: nothing (ZON-02, ZON-03)."""

from datetime import date
from statistics import correlation

import pytest
from django.apps import apps
from django.db import OperationalError, connections, models, router

from panel.keys.macs import Index
from panel.keys.models import DataKey, NextKey
from panel.vault import services as vault
from panel.vault.models import Card
from tests.vault.cards import cards

DAY = date(2023, 10, 1)
APART = [model for label in ("vault", "keys") for model in apps.get_app_config(label).get_models()]


@pytest.mark.parametrize("model", APART)
def test_zon_02_no_relation_no_counter_and_no_time_finer_than_a_day(model):
    for field in model._meta.get_fields():
        assert not field.is_relation
        assert not isinstance(field, models.DateTimeField | models.TimeField | models.AutoField)


#: How a thief of the database's files would read a table: in its physical order.
PHYSICAL = {"sqlite": "SELECT locator FROM {}", "postgresql": "SELECT locator FROM {} ORDER BY ctid"}


def physical(model: type[models.Model]) -> list[bytes]:
    connection = connections[router.db_for_read(model)]
    with connection.cursor() as cursor:
        cursor.execute(PHYSICAL[connection.vendor].format(model._meta.db_table))
        return [bytes(locator) for (locator,) in cursor.fetchall()]


@pytest.mark.django_db
def test_zon_02_the_order_of_cards_and_keys_tells_nothing_of_the_order_of_members():
    vault.store_cards(cards(200), today=DAY)
    index = Index.load()
    locators = [index.card_locator(data.code) for data in cards(200)]
    found, keys = physical(Card), physical(DataKey)
    ranks = [found.index(locator) for locator in locators]
    key_ranks = [keys.index(index.key_locator(locator)) for locator in locators]
    for one, other in [(range(200), ranks), (range(200), key_ranks), (ranks, key_ranks)]:
        assert abs(correlation(one, other)) < 0.4  # by chance once in 100 million runs


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Card, DataKey, NextKey])
def test_zon_02_sqlite_keeps_no_rowid_so_not_even_single_enrolments_leave_an_order(model):
    connection = connections[router.db_for_read(model)]
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no rowid")
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="rowid"):
        cursor.execute(f"SELECT rowid FROM {model._meta.db_table}")


@pytest.mark.django_db
def test_zon_02_no_value_stands_in_two_databases():
    """A thief of vault and keystore can't join them without the index root."""
    vault.store_cards(cards(50), today=DAY)
    in_vault = {bytes(value) for value in Card.objects.values_list("locator", flat=True)}
    in_keystore = {bytes(value) for value in DataKey.objects.values_list("locator", flat=True)}
    assert not in_vault & in_keystore
