"""Named keyed hashes: each has a key of its own; those of cards are out of the portal's reach."""

from datetime import date

import pytest

from panel.errors import Unreachable
from panel.keys import macs, rotation


def test_token_and_audit_hang_on_the_service_key_alone(settings):
    settings.KEK_FILE = ""
    before = macs.token_hash("word"), macs.audit_mac(b"word")
    assert len(set(before)) == 2
    settings.SERVICE_KEY = bytes(range(32))
    assert macs.token_hash("word") not in before


@pytest.mark.django_db
def test_zon_01_a_process_without_the_kek_finds_no_card(settings):
    macs.Index.load()
    settings.KEK_FILE = ""
    with pytest.raises(Unreachable):
        macs.Index.load()


@pytest.mark.django_db
def test_the_same_code_is_found_by_hashes_that_share_nothing():
    index = macs.Index.load()
    card = index.card_locator("CODE")
    hashes = {card, index.key_locator(card), index.row_fingerprint("CODE"), macs.token_hash("CODE")}
    assert len(hashes) == 4
    again = macs.Index.load()
    assert again.card_locator("CODE") == card
    assert again.key_locator(card) == index.key_locator(card)
    assert "\\x" not in repr(index)


@pytest.mark.django_db
def test_cry_08_a_bucket_is_a_prefix_so_fewer_bits_join_buckets():
    index = macs.Index.load()
    whole = index.address_bucket("amal@example.org", 12)
    assert 0 <= whole < 2**12
    assert index.address_bucket("amal@example.org", 8) == whole >> 4
    assert index.address_bucket("amal@example.org", 0) == 0


@pytest.mark.django_db
def test_locators_stay_over_a_rotation():
    before = macs.Index.load().card_locator("CODE")
    rotation.add_version(today=date(2023, 10, 1))
    rotation.rewrap()
    rotation.destroy_old()
    assert macs.Index.load().card_locator("CODE") == before
