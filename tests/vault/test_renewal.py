"""Full re-encryption: each card under a new data key; interrupted, beside writers, with damage (CRY-04)."""

from datetime import UTC, date, datetime
from statistics import correlation

import pytest

from panel.audit.rules import Actor
from panel.keys import renewal as next_keys
from panel.keys.macs import Index
from panel.keys.models import DataKey, NextKey
from panel.keys.services import data_keys, data_keys_of_cards
from panel.vault import keyring, renewal
from panel.vault import services as vault
from panel.vault.models import Card
from panel.vault.rules import ContactData
from tests.vault.cards import card, cards
from tests.vault.test_zones import physical

pytestmark = pytest.mark.django_db
DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 3, 12, tzinfo=UTC)
BY = Actor.system("test")
MEMBERS = cards(12)
CODES = [data.code for data in MEMBERS]
ALL = {data.code: data for data in MEMBERS}


@pytest.fixture(autouse=True)
def _in_small_sets(monkeypatch):
    monkeypatch.setattr(renewal, "CHUNK", 5)
    monkeypatch.setattr(next_keys, "CHUNK", 5)
    monkeypatch.setattr(renewal, "PART", 7)
    vault.store_cards(MEMBERS, today=DAY)


def renew(**given) -> renewal.Renewed:
    return keyring.renew_cards(by=BY, now=NOW, **given)


def opened() -> dict[str, ContactData]:
    return vault.open_cards(CODES, by=BY, reason="invitation", now=NOW, study="livet")


def test_cry_04_every_card_has_a_new_key_and_says_what_it_said():
    old, rows = data_keys(CODES), {bytes(c.locator): bytes(c.email) for c in Card.objects.all()}
    assert renew() == renewal.Renewed(12, 0)
    new = data_keys(CODES)
    assert not set(old.values()) & set(new.values())
    assert all(bytes(c.email) != rows[bytes(c.locator)] for c in Card.objects.all())
    assert NextKey.objects.count() == 0
    assert opened() == ALL
    assert keyring.verify(by=BY, now=NOW, codes=CODES).faulty == 0


def test_cry_04_the_old_keystore_opens_no_card_any_more():
    backup = list(DataKey.objects.all())
    renew()
    for row in backup:
        row.save()
    faults = keyring.verify(by=BY, now=NOW, codes=CODES)
    assert faults.faulty == 12


@pytest.mark.parametrize("at", ["prepare", "_seal_anew", "promote"])
@pytest.mark.parametrize("number", [0, 1])
def test_cry_04_broken_off_anywhere_all_opens_and_the_next_run_ends_it(monkeypatch, at, number):
    holder = renewal if at == "_seal_anew" else next_keys
    name = "_promote_chunk" if at == "promote" else at
    whole, calls = getattr(holder, name), list[int]()

    def broken(*args, **kwargs):
        if len(calls) == number:
            raise KeyboardInterrupt
        calls.append(1)
        return whole(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(holder, name, broken)
        with pytest.raises(KeyboardInterrupt):
            renew()
    assert opened() == ALL
    keyring.rotate(by=BY, now=NOW)  # waiting keys are re-wrapped too
    assert opened() == ALL
    assert renew() == renewal.Renewed(12, 0)
    assert opened() == ALL
    assert NextKey.objects.count() == 0


def test_cry_04_what_is_written_in_the_middle_is_kept(monkeypatch):
    """A card changed, one new, one erased after the next keys were made and again after the cards were sealed."""
    seal, calls = renewal._seal_anew, list[int]()

    def beside(locators):
        sealed = seal(locators)
        calls.append(1)
        vault.store_cards([card(3, phone=f"+479000000{len(calls)}"), card(50 + len(calls))], today=DAY)
        vault.destroy_cards([CODES[len(calls)]]) if len(calls) < 3 else None
        return sealed

    monkeypatch.setattr(renewal, "_seal_anew", beside)
    renew()
    codes = [*CODES, *(f"CODE000{50 + n}" for n in range(1, len(calls) + 1))]
    found = vault.open_cards(codes, by=BY, reason="invitation", now=NOW, study="livet")
    assert set(found) == set(codes) - {CODES[1], CODES[2]}
    assert found[CODES[3]].phone == f"+479000000{len(calls)}"
    verdict = keyring.verify(by=BY, now=NOW, codes=codes)
    assert verdict.faulty == 0, verdict.faults


def test_cry_04_a_second_run_takes_the_keys_over_and_the_first_puts_none_in_place(monkeypatch):
    """The first goes on after the second has sealed some cards: nothing it didn't seal is promoted."""
    seal = renewal._seal_anew

    def overtaken(locators):
        sealed = seal(locators)
        with monkeypatch.context() as patch:
            patch.setattr(renewal, "_seal_anew", seal)
            renew()
        return sealed

    monkeypatch.setattr(renewal, "_seal_anew", overtaken)
    renew()
    assert opened() == ALL
    assert NextKey.objects.count() == 0


def test_a_damaged_card_keeps_its_bytes_and_its_keys_and_all_others_are_renewed():
    locator = Index.load().card_locator(CODES[4])
    whole = bytes(Card.objects.get(locator=locator).email)
    Card.objects.filter(locator=locator).update(email=whole[:-1] + bytes([whole[-1] ^ 1]))
    assert renew() == renewal.Renewed(11, 1)
    Card.objects.filter(locator=locator).update(email=whole)
    assert opened() == ALL
    assert len(data_keys_of_cards([locator])[locator]) == 2
    assert renew() == renewal.Renewed(12, 0)
    assert opened() == ALL


def test_an_erased_members_waiting_key_goes_with_the_other(monkeypatch):
    monkeypatch.setattr(renewal.keys, "promote", lambda **_given: None)
    renew()
    vault.destroy_cards(CODES[:1])
    assert NextKey.objects.count() == DataKey.objects.count() == 11


def test_a_reader_between_key_and_card_looks_again(monkeypatch):
    """The renewal begins and ends after the reader has its keys."""
    read, done = vault.keys.data_keys_of_cards, list[bool]()

    def late(locators):
        keys = read(locators)
        if not done:
            done.append(True)
            renew()
        return keys

    monkeypatch.setattr(vault.keys, "data_keys_of_cards", late)
    assert opened() == ALL
    done.clear()
    assert vault.find_by_address([MEMBERS[2].email])[MEMBERS[2].email] == [MEMBERS[2]]


def change() -> None:
    vault.change_address(CODES[3], "new@example.org", by=BY, reason="asked", now=NOW, study="livet")


@pytest.mark.parametrize(
    ("holder", "name"), [(next_keys, "prepare"), (vault, "_reseal"), (next_keys, "promote")]
)
def test_law_09_a_changed_address_has_a_new_key_wherever_its_change_broke_off(monkeypatch, holder, name):
    """After the second try an old copy of the vault opens all cards but this one with today's keys."""
    backup, (old,) = list(Card.objects.all()), data_keys(CODES[3:4]).values()
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, lambda *_args, **_given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            change()
    assert opened()[CODES[3]].email in (MEMBERS[3].email, "new@example.org")
    change()
    assert opened() == ALL | {CODES[3]: card(3, email="new@example.org")}
    assert data_keys(CODES[3:4]) != {CODES[3]: old}
    assert (NextKey.objects.count(), DataKey.objects.count()) == (0, 12)
    assert keyring.verify(by=BY, now=NOW, codes=CODES).faulty == 0
    for row in backup:
        row.save()
    faults = keyring.verify(by=BY, now=NOW, codes=CODES).faults
    assert {fault.name for fault in faults} == {CODES[3]}


def test_a_change_of_address_within_a_renewal_of_all_cards_and_the_renewal_are_both_whole(monkeypatch):
    seal = renewal._seal_anew

    def beside(locators):
        change()
        sealed = seal(locators)
        change()
        return sealed

    monkeypatch.setattr(renewal, "_seal_anew", beside)
    renew()
    assert opened() == ALL | {CODES[3]: card(3, email="new@example.org")}
    assert NextKey.objects.count() == 0
    assert keyring.verify(by=BY, now=NOW, codes=CODES).faulty == 0


def test_zon_02_the_order_of_renewed_rows_joins_no_key_to_a_card():
    vault.store_cards(cards(200), today=DAY)
    renew()
    index = Index.load()
    locators = [index.card_locator(data.code) for data in cards(200)]
    found, keys = physical(Card), physical(DataKey)
    ranks = [found.index(locator) for locator in locators]
    key_ranks = [keys.index(index.key_locator(locator)) for locator in locators]
    for one, other in [(range(200), ranks), (range(200), key_ranks), (ranks, key_ranks)]:
        assert abs(correlation(one, other)) < 0.4
