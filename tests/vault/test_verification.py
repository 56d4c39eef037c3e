"""`keys verify`: each kind of damage is found, named by the member's code, with what to do (CRY-02, CRY-04)."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged
from panel.keys import roots, services
from panel.keys.macs import Index
from panel.keys.models import DataKey, WrappedRoot
from panel.keys.providers import provider
from panel.vault import keyring, renewal, verification
from panel.vault import services as vault
from panel.vault.models import Card
from panel.vault.verification import Fault
from tests.vault.cards import cards

pytestmark = pytest.mark.django_db
DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 3, 12, tzinfo=UTC)
BY = Actor.system("test")
MEMBERS = cards(12)
CODES = [data.code for data in MEMBERS]


@pytest.fixture(autouse=True)
def _some_cards(monkeypatch):
    """In sets of five, and in two parts, as a large panel would be."""
    monkeypatch.setattr(renewal, "CHUNK", 5)
    monkeypatch.setattr(renewal, "PART", 7)
    monkeypatch.setattr("panel.keys.verification.CHUNK", 5)
    vault.store_cards(MEMBERS, today=DAY)


def verify() -> verification.Verdict:
    return keyring.verify(by=BY, now=NOW, codes=CODES)


def only_fault() -> Fault:
    verdict = verify()
    assert verdict.faulty == 1, verdict.faults
    return verdict.faults[0]


def key_of(code: str) -> DataKey:
    index = Index.load()
    return DataKey.objects.get(locator=index.key_locator(index.card_locator(code)))


def card_of(code: str) -> Card:
    return Card.objects.get(locator=Index.load().card_locator(code))


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def everything() -> list[object]:
    return [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in _all_rows()]


def _all_rows():
    for model in (Card, DataKey, WrappedRoot):
        yield from model.objects.order_by("pk").values_list()


def test_where_all_is_well_everything_is_opened_and_nothing_changed():
    before = everything()
    told: list[tuple[int, ...]] = []
    verdict = keyring.verify(by=BY, now=NOW, codes=CODES, progress=lambda *pair: told.append(pair))
    assert (verdict.keys, verdict.cards, verdict.faulty, verdict.faults) == (12, 12, 0, [])
    assert told[-1] == (24, 24)
    assert everything() == before
    assert AuditEvent.objects.get(verb="keys.verified").detail == {"keys": 12, "cards": 12, "faulty": 0}


@pytest.mark.parametrize("column", ["code", "email", "first_name", "last_name", "phone"])
def test_a_damaged_field_is_named_with_its_member_and_its_column(column):
    card = card_of(CODES[3])
    Card.objects.filter(pk=card.pk).update(**{column: flipped(bytes(getattr(card, column)))})
    fault = only_fault()
    assert (fault.kind, fault.name) == ("card", CODES[3])
    assert column in fault.what
    assert "Restore the vault" in fault.cure


def test_two_cards_swapped_are_both_named():
    one, other = card_of(CODES[1]), card_of(CODES[8])
    for column in ("code", "email", "first_name", "last_name", "phone"):
        Card.objects.filter(pk=one.pk).update(**{column: getattr(other, column)})
        Card.objects.filter(pk=other.pk).update(**{column: getattr(one, column)})
    verdict = verify()
    assert {fault.name for fault in verdict.faults} == {CODES[1], CODES[8]}
    assert all("swapped" in fault.what for fault in verdict.faults)


def test_a_damaged_wrapped_key_is_named_once_and_not_again_with_its_card():
    key = key_of(CODES[5])
    DataKey.objects.filter(pk=key.pk).update(wrapped=flipped(bytes(key.wrapped)))
    fault = only_fault()
    assert (fault.kind, fault.name) == ("key", CODES[5])
    assert "damaged" in fault.what
    with pytest.raises(Damaged, match=f"{CODES[5]}.*keys verify"):
        vault.open_cards(CODES, by=BY, reason="invitation", now=NOW, study="livet")
    with pytest.raises(Damaged, match=f"{CODES[5]}.*keys verify"):
        services.create_data_keys(CODES, today=DAY)


@pytest.mark.parametrize("cut", [0, 5, 20])
def test_a_wrapped_key_cut_short_is_damage_too(cut):
    key = key_of(CODES[5])
    DataKey.objects.filter(pk=key.pk).update(wrapped=bytes(key.wrapped)[:cut])
    assert only_fault().name == CODES[5]
    assert keyring.rotate(by=BY, now=NOW).damaged == 1


def test_two_wrapped_keys_swapped_are_both_named():
    one, other = key_of(CODES[1]), key_of(CODES[8])
    DataKey.objects.filter(pk=one.pk).update(wrapped=other.wrapped)
    DataKey.objects.filter(pk=other.pk).update(wrapped=one.wrapped)
    assert {(fault.kind, fault.name) for fault in verify().faults} == {("key", CODES[1]), ("key", CODES[8])}


def test_a_missing_version_of_the_kek_is_told_by_its_number():
    key = key_of(CODES[2])
    keyring.rotate(by=BY, now=NOW)
    DataKey.objects.filter(pk=key.pk).update(wrapped=key.wrapped, kek_version=key.kek_version)
    fault = only_fault()
    assert (fault.kind, fault.name) == ("key", CODES[2])
    assert f"version {key.kek_version} of the KEK, which isn't in the KEK file" in fault.what


def test_a_row_that_notes_another_version_than_it_has_is_told_and_mended_by_rewrap():
    key = key_of(CODES[2])
    DataKey.objects.filter(pk=key.pk).update(kek_version=key.kek_version + 7)
    fault = only_fault()
    assert (fault.name, fault.cure) == (CODES[2], "Run `manage.py keys rewrap`.")
    assert keyring.rewrap(by=BY, now=NOW).rewrapped == 1
    assert verify().faulty == 0


def test_a_version_is_kept_while_the_bytes_of_a_row_say_so_whatever_the_row_notes():
    key = key_of(CODES[2])
    provider().add_version(today=DAY)
    DataKey.objects.update(kek_version=provider().ring().current)
    assert keyring.destroy_old(by=BY, now=NOW) == ()
    assert keyring.rewrap(by=BY, now=NOW).rewrapped == 13
    assert keyring.destroy_old(by=BY, now=NOW) == (key.kek_version,)
    assert verify().faulty == 0


def test_another_kek_file_is_told_at_the_root_and_nothing_is_written(tmp_path):
    before = everything()
    path = Path(django_settings.KEK_FILE)
    path.unlink()
    provider().create(today=DAY)
    fault = only_fault()
    assert (fault.kind, fault.name) == ("root", "index")
    assert "another KEK file" in fault.what
    assert "Restore the KEK file" in fault.cure
    assert everything() == before


@pytest.mark.parametrize("label", ["intake-1", "suppress-abc"])
def test_further_roots_are_opened_too(label):
    roots.keep_root(label, b"k" * 32)
    assert verify().faulty == 0
    keyring.rotate(by=BY, now=NOW)
    assert roots.kept_root(label) == b"k" * 32
    row = WrappedRoot.objects.get(label=label)
    WrappedRoot.objects.filter(label=label).update(wrapped=flipped(bytes(row.wrapped)))
    fault = only_fault()
    assert (fault.kind, fault.name) == ("root", label)


def test_a_card_without_its_key_and_a_key_without_its_card_are_told_apart():
    key_of(CODES[0]).delete()
    card_of(CODES[11]).delete()
    faults = {fault.kind: fault for fault in verify().faults}
    assert (faults["card"].name, faults["card"].what) == (CODES[0], "has no data key")
    assert (faults["key"].name, faults["key"].what) == (CODES[11], "opens no card")
    assert all("sweep_orphans" in fault.cure for fault in faults.values())


def test_a_key_made_today_may_still_get_its_card():
    services.create_data_keys(["YOUNG"], today=NOW.date())
    assert verify().faulty == 0


def test_a_row_that_is_nobodys_keeps_a_name_and_none_is_guessed():
    card = card_of(CODES[3])
    Card.objects.filter(pk=card.pk).update(email=b"")
    (fault,) = keyring.verify(by=BY, now=NOW).faults
    assert fault.name == f"no member {bytes(card.locator).hex()[:12]}"


def test_of_very_many_the_first_are_named_and_the_rest_counted(monkeypatch):
    monkeypatch.setattr(verification, "NAMED", 4)
    Card.objects.update(email=b"")
    verdict = verify()
    assert (verdict.faulty, len(verdict.faults)) == (12, 4)


def test_what_a_worker_just_moved_is_looked_at_again(monkeypatch):
    """A rotation ends between the reading of the rows and of the ring."""
    rows, done = verification.keys._rows, list[keyring.Rotation]()

    def late(model, locators):
        found = rows(model, locators)
        if not done:
            done.append(keyring.rotate(by=BY, now=NOW))
        return found

    monkeypatch.setattr(verification.keys, "_rows", late)
    assert verify().faulty == 0
    assert done
