"""Cards stored, found, destroyed, swept; broken at each last write."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError

from panel import sets
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged, NotNow
from panel.keys import services as keys
from panel.keys.macs import Index
from panel.keys.models import DataKey
from panel.vault import services as vault
from panel.vault.models import Card
from panel.vault.rules import bits_fit
from tests.vault.cards import card, cards

pytestmark = pytest.mark.django_db
DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 2, 12, tzinfo=UTC)
SENDER = Actor.system("sending")
SEALED = ("code", "email", "first_name", "last_name", "phone")


def opened(*codes: str):
    return vault.open_cards(list(codes), by=SENDER, reason="invitation", now=NOW, study="livet")


def sweep(known, *, days: int = 2, force: bool = False) -> int:
    return vault.sweep_orphans(
        known, by=SENDER, now=datetime(2023, 10, 1, 12, tzinfo=UTC) + timedelta(days=days), force=force
    )


def test_what_is_stored_opens_again():
    stored = [*cards(5), card(5, phone="+4790000000", first_name="Ірина", last_name="")]
    vault.store_cards(stored, today=DAY)
    assert opened(*(data.code for data in stored), "UNKNOWN") == {data.code: data for data in stored}


def test_nothing_of_a_card_is_clear_in_the_vault():
    vault.store_cards([card(1, phone="+4790000000")], today=DAY)
    row = Card.objects.values_list().get()
    stored = b"".join(bytes(value) for value in row if not isinstance(value, int | date))
    for clear in (b"CODE00001", b"person1", b"First1", b"Last1", b"90000000"):
        assert clear not in stored


def test_cry_03_cards_are_equally_long_whatever_they_hold():
    long = "a" * 64 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 55 + ".example.org"
    assert len(long) == 254
    vault.store_cards([card(1, email=long, first_name="Олександра-Вікторія", phone="+4790000000")], today=DAY)
    vault.store_cards([card(2, email="a@b.example", first_name="", last_name="")], today=DAY)
    assert len({tuple(len(bytes(value)) for value in row) for row in Card.objects.values_list(*SEALED)}) == 1


def test_cry_02_rows_swapped_in_the_vault_do_not_open():
    vault.store_cards(cards(2), today=DAY)
    one, other = Card.objects.all()
    for column in SEALED:
        Card.objects.filter(pk=one.pk).update(**{column: getattr(other, column)})
    with pytest.raises(Damaged, match="CODE0000"):
        opened("CODE00000", "CODE00001")


def test_cry_02_columns_swapped_in_a_row_do_not_open():
    vault.store_cards(cards(1), today=DAY)
    row = Card.objects.get()
    Card.objects.update(first_name=row.last_name, last_name=row.first_name)
    with pytest.raises(Damaged) as caught:
        opened("CODE00000")
    assert "person" not in str(caught.value)
    told = "The contact card of CODE00000 does not open. Run `manage.py keys verify`, which says why."
    assert str(caught.value) == told


def test_cry_02_a_card_without_its_key_does_not_open():
    vault.store_cards(cards(1), today=DAY)
    DataKey.objects.all().delete()
    with pytest.raises(Damaged):
        opened("CODE00000")


def test_an_address_is_found_however_it_is_typed_and_by_everyone_who_shares_it():
    shared = card(3, email="person1@example.org")
    vault.store_cards([*cards(3), shared], today=DAY)
    found = vault.find_by_address([" <PERSON1@Example.org>. ", "person2@example.org", "nobody@example.org"])
    assert {data.code for data in found[" <PERSON1@Example.org>. "]} == {"CODE00001", "CODE00003"}
    assert found["person2@example.org"] == [card(2)]
    assert found["nobody@example.org"] == []
    assert vault.find_by_address([]) == {}


def test_a_changed_address_replaces_the_old_one():
    """LAW-09: the old value is gone; it isn't found and doesn't stand beside the new."""
    vault.store_cards(cards(3), today=DAY)
    vault.store_cards([card(1, email="new@example.org")], today=DAY)
    assert Card.objects.count() == 3
    assert vault.find_by_address(["person1@example.org"])["person1@example.org"] == []
    assert vault.find_by_address(["new@example.org"])["new@example.org"] == [card(1, email="new@example.org")]


def test_cry_08_buckets_grow_with_the_vault_and_every_card_is_found_on_the_way(monkeypatch):
    monkeypatch.setattr(sets, "SIZE", 16)
    for size in range(0, 120, 7):
        vault.store_cards((card(i) for i in range(size, size + 7)), today=DAY)
        (bits,) = set(Card.objects.values_list("bucket_bits", flat=True))
        assert bits_fit(Card.objects.count(), bits)
    addresses = [data.email for data in cards(119)]
    assert all(len(found) == 1 for found in vault.find_by_address(addresses).values())


def test_cry_08_a_move_to_new_buckets_that_breaks_off_loses_nobody(monkeypatch):
    vault.store_cards(cards(20), today=DAY)
    whole, calls = vault._rebucket_chunk, iter([True, False])
    monkeypatch.setattr(sets, "SIZE", 8)

    def interrupted(bits: int, index: Index) -> int:
        if not next(calls):
            raise KeyboardInterrupt
        return whole(bits, index)

    monkeypatch.setattr(vault, "_rebucket_chunk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        vault.store_cards((card(i) for i in range(20, 80)), today=DAY)
    assert Card.objects.values("bucket_bits").distinct().count() == 2
    addresses = [data.email for data in cards(80)]
    assert all(len(found) == 1 for found in vault.find_by_address(addresses).values())
    monkeypatch.setattr(vault, "_rebucket_chunk", whole)
    vault.rebucket()
    assert Card.objects.values("bucket_bits").distinct().count() == 1
    assert all(len(found) == 1 for found in vault.find_by_address(addresses).values())


def test_cry_08_an_outsiders_address_hits_a_bucket_nearly_always():
    """So whoever has the index key learns of nobody that they are a member."""
    vault.store_cards(cards(300), today=DAY)
    index, bits = Index.load(), Card.objects.values_list("bucket_bits", flat=True)[0]
    used = set(Card.objects.values_list("bucket", flat=True))
    hits = sum(index.address_bucket(f"outsider{i}@example.net", bits) in used for i in range(300))
    assert hits > 0.95 * 300


def test_a_store_that_breaks_at_its_last_write_keeps_no_card_and_its_keys_are_swept(monkeypatch):
    monkeypatch.setattr(sets, "SIZE", 4)
    whole, calls = vault._upsert, iter([True, True, False])

    def broken(rows, fields) -> None:
        if not next(calls):
            raise DatabaseError("broken")
        whole(rows, fields)

    monkeypatch.setattr(vault, "_upsert", broken)
    with pytest.raises(DatabaseError, match="broken"):
        vault.store_cards(cards(12), today=DAY)
    assert Card.objects.count() == 0
    assert DataKey.objects.count() == 12
    sweep([], days=2)
    assert DataKey.objects.count() == 0


def test_a_vault_of_which_no_member_is_known_is_left_as_it_is_until_a_person_has_looked():
    """An empty, mis-set or older `default` looks so at night."""
    vault.store_cards(cards(30), today=DAY)
    for known in ([], [data.code for data in cards(9)]):
        with pytest.raises(NotNow, match="manage.py sweep_orphans --force"):
            sweep(known)
    assert (Card.objects.count(), DataKey.objects.count()) == (30, 30)
    told = AuditEvent.objects.filter(verb="orphans.sweep_refused").order_by("id")
    assert told[0].detail == {"cards": 30, "of_cards": 30, "keys": 30, "of_keys": 30}
    assert told.count() == 2
    assert sweep([], force=True) == 60
    assert AuditEvent.objects.get(verb="orphans.swept").detail["cards"] == 30


def test_keys_are_left_too_where_vault_and_members_are_both_missing():
    vault.store_cards(cards(30), today=DAY)
    Card.objects.all().delete()
    with pytest.raises(NotNow):
        sweep([])
    assert DataKey.objects.count() == 30


def test_a_crash_among_many_members_is_swept_by_itself():
    vault.store_cards(cards(421), today=DAY)
    assert sweep([data.code for data in cards(400)]) == 42
    assert not AuditEvent.objects.exists()


def test_a_card_stored_without_its_member_is_swept_after_a_day_and_no_other():
    vault.store_cards(cards(6), today=DAY)
    known = [data.code for data in cards(4)]
    for days in (0, 1):
        assert sweep(known, days=days) == 0
    assert sweep(iter(known), days=2) == 4
    assert set(opened(*(data.code for data in cards(6)))) == set(known)


def test_destroying_takes_card_and_key_of_these_members_only():
    vault.store_cards(cards(5), today=DAY)
    assert vault.destroy_cards(["CODE00000", "CODE00001", "UNKNOWN"]) == 2
    assert (Card.objects.count(), DataKey.objects.count()) == (3, 3)
    assert set(opened(*(data.code for data in cards(5)))) == {"CODE00002", "CODE00003", "CODE00004"}
    assert vault.destroy_cards(["CODE00000"]) == 0


def test_destroying_that_breaks_between_the_two_leaves_a_key_without_a_card(monkeypatch):
    """Vault first: what a crash leaves opens nothing, and is swept."""
    vault.store_cards(cards(2), today=DAY)

    def broken(_codes) -> int:
        raise DatabaseError("broken")

    monkeypatch.setattr(keys, "destroy_data_keys", broken)
    with pytest.raises(DatabaseError):
        vault.destroy_cards(["CODE00000"])
    assert set(opened("CODE00000", "CODE00001")) == {"CODE00001"}
    assert sweep(["CODE00001"], days=2) == 1


def test_sending_leaves_one_audit_row_for_the_chunk_with_codes_and_nothing_else():
    vault.store_cards(cards(3), today=DAY)
    opened("CODE00001", "CODE00000")
    event = AuditEvent.objects.get()
    assert event.detail == {"reason": "invitation", "codes": ["CODE00000", "CODE00001"]}
    assert (event.actor_kind, event.study) == ("system", "livet")
    assert opened() == {}
    assert AuditEvent.objects.count() == 1


def test_a_blob_opens_under_its_own_name_only():
    sealed = vault.seal_blob(b"Fornavn;E-post\nAmal;amal@example.org", name="one")
    assert b"amal" not in sealed
    assert vault.open_blob(sealed, name="one").endswith(b"amal@example.org")
    with pytest.raises(Damaged):
        vault.open_blob(sealed, name="two")


def test_statements_grow_with_sets_and_not_with_cards(django_assert_max_num_queries):
    vault.store_cards(cards(400), today=DAY)
    codes = [data.code for data in cards(400)]
    with django_assert_max_num_queries(4, using="vault"):
        opened(*codes)
    with django_assert_max_num_queries(6, using="keystore"):
        opened(*codes)
    with django_assert_max_num_queries(4, using="vault"):
        vault.find_by_address([data.email for data in cards(400)])
