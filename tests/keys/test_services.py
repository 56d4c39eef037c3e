"""Data keys: made, found, destroyed, swept."""

from datetime import date

import pytest

from panel.errors import Damaged
from panel.keys import macs, rotation, services
from panel.keys.models import DataKey, WrappedRoot
from panel.keys.ring import RingFile

pytestmark = pytest.mark.django_db
DAY = date(2023, 10, 1)
CODES = [f"CODE{i:04}" for i in range(30)]


def rotate() -> None:
    rotation.add_version(today=DAY)
    rotation.rewrap()
    rotation.destroy_old()


def test_a_key_for_each_member_and_the_same_again():
    made = services.create_data_keys(CODES, today=DAY)
    assert len(set(made.values())) == len(CODES)
    assert services.create_data_keys([*CODES, "NEW"], today=DAY).items() > made.items()
    assert services.data_keys([*CODES, "UNKNOWN"]) == made


def test_neither_code_nor_key_stands_in_the_keystore():
    made = services.create_data_keys(CODES, today=DAY)
    for row in DataKey.objects.all():
        stored = bytes(row.locator) + bytes(row.wrapped)
        assert not any(code.encode() in stored or key in stored for code, key in made.items())


def test_a_destroyed_key_is_gone_and_the_others_stay():
    made = services.create_data_keys(CODES, today=DAY)
    assert services.destroy_data_keys([CODES[0], "UNKNOWN"]) == 1
    assert services.data_keys(CODES) == {code: made[code] for code in CODES[1:]}


def test_a_key_row_put_in_anothers_place_does_not_open():
    """CRY-02, for the wrapped keys."""
    services.create_data_keys(CODES[:2], today=DAY)
    one, other = DataKey.objects.all()
    DataKey.objects.filter(pk=one.pk).update(wrapped=other.wrapped)
    with pytest.raises(Damaged):
        services.data_keys(CODES[:2])


def test_create_breaks_at_its_last_write_and_keeps_nothing(monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(DataKey.objects, "bulk_create", broken)
    with pytest.raises(RuntimeError, match="broken"):
        services.create_data_keys(CODES, today=DAY)
    assert DataKey.objects.count() == 0


def test_cry_04_a_reader_between_row_and_ring_looks_again(monkeypatch):
    """A rotation ends after the reader has its rows and before it has the ring."""
    made = services.create_data_keys(CODES, today=DAY)
    ring = RingFile.ring
    rotated: list[bool] = []

    def late(self):
        if not rotated:
            rotated.append(True)
            rotate()
        return ring(self)

    index = macs.Index.load()
    monkeypatch.setattr(macs.Index, "load", lambda: index)
    monkeypatch.setattr(RingFile, "ring", late)
    assert services.data_keys(CODES) == made


def test_a_lost_root_beside_keys_is_never_replaced():
    services.create_data_keys(CODES, today=DAY)
    WrappedRoot.objects.all().delete()
    with pytest.raises(Damaged, match="root is missing"):
        services.data_keys(CODES)
    assert WrappedRoot.objects.count() == 0


def test_the_sweep_takes_old_keys_without_a_card_and_nothing_else():
    services.create_data_keys(CODES, today=DAY)
    index = macs.Index.load()
    known = [index.card_locator(code) for code in CODES[:20]]
    assert services.orphans(known, before=DAY) == ([], 30)
    found, total = services.orphans(known, before=date(2023, 10, 2))
    assert (len(found), total) == (10, 30)
    assert services.destroy_orphans(found) == 10
    assert set(services.data_keys(CODES)) == set(CODES[:20])
