"""Rotation: re-wrapped in chunks, interrupted, beside a running worker, old versions destroyed (CRY-04, CRY-06)."""

import threading
from datetime import UTC, date, datetime

import pytest
from django.db import connections

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged
from panel.keys import roots, rotation, services
from panel.keys.models import DataKey
from panel.keys.providers import provider
from panel.vault import keyring

pytestmark = pytest.mark.django_db
DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 2, 12, tzinfo=UTC)
BY = Actor.system("test")
CODES = [f"CODE{i:04}" for i in range(30)]


def rotate() -> keyring.Rotation:
    return keyring.rotate(by=BY, now=NOW)


def test_cry_04_a_rotation_re_wraps_keys_and_root_and_destroys_the_old_version(monkeypatch):
    monkeypatch.setattr(rotation, "CHUNK", 7)
    made, root = services.create_data_keys(CODES, today=DAY), roots.index_root()
    done = rotate()
    assert done.rewrapped == len(CODES) + 1
    assert done.destroyed == (done.version - 1,)
    assert list(provider().ring().made_on) == [done.version]
    assert services.data_keys(CODES) == made
    assert roots.index_root() == root


def test_cry_06_an_old_keystore_and_todays_kek_read_nobody_and_todays_reads_the_survivors():
    made = services.create_data_keys(CODES, today=DAY)
    backup = list(DataKey.objects.all())
    services.destroy_data_keys(CODES[:1])
    rotate()
    assert services.data_keys(CODES) == {code: made[code] for code in CODES[1:]}
    DataKey.objects.all().delete()
    DataKey.objects.bulk_create(backup)
    with pytest.raises(Damaged):
        services.data_keys(CODES[:1])


def test_cry_04_an_interrupted_rotation_reads_on_and_is_finished_later(monkeypatch):
    monkeypatch.setattr(rotation, "CHUNK", 7)
    made = services.create_data_keys(CODES, today=DAY)

    def interrupt(done: int, _total: int) -> None:
        if done == 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keyring.rotate(by=BY, now=NOW, progress=interrupt)
    assert DataKey.objects.values("kek_version").distinct().count() == 2
    assert services.data_keys(CODES) == made
    assert keyring.destroy_old(by=BY, now=NOW) == ()  # the old version still wraps keys
    assert keyring.rewrap(by=BY, now=NOW).rewrapped == len(CODES) - 14
    assert len(keyring.destroy_old(by=BY, now=NOW)) == 1
    assert services.data_keys(CODES) == made


def test_a_damaged_key_stays_with_its_version_and_all_others_move():
    """Nothing lost: the version that might still open it isn't destroyed."""
    made = services.create_data_keys(CODES, today=DAY)
    broken = DataKey.objects.first()
    wrapped = bytes(broken.wrapped)
    DataKey.objects.filter(pk=broken.pk).update(wrapped=wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    done = rotate()
    assert (done.rewrapped, done.damaged, done.destroyed) == (len(CODES), 1, ())
    assert len(provider().ring().made_on) == 2
    DataKey.objects.filter(pk=broken.pk).update(wrapped=wrapped)
    assert services.data_keys(CODES) == made
    assert rotate().destroyed == (done.version - 1, done.version)


def test_each_work_is_noted_before_it_begins_and_when_it_is_done():
    """AUD-01: who kills it half-way leaves the first row."""
    services.create_data_keys(CODES, today=DAY)
    done = rotate()
    keyring.rewrap(by=BY, now=NOW)
    keyring.destroy_old(by=BY, now=NOW)
    noted = AuditEvent.objects.order_by("id").values_list("verb", "detail")
    works = [detail["work"] for verb, detail in noted if verb == "keys.work_started"]
    assert works == ["rotate", "rewrap", "destroy_old"]
    assert [verb for verb, _ in noted][1::2] == ["keys.rotated", "keys.rewrapped", "keys.old_destroyed"]
    assert noted[1][1] == {
        "version": done.version,
        "rewrapped": 31,
        "destroyed": [done.version - 1],
        "damaged": 0,
    }


@pytest.mark.django_db(transaction=True)
def test_cry_04_rotations_beside_a_running_worker_lose_no_key():
    """Keys are made in another thread while the KEK is rotated again and again; each one opens afterwards."""
    services.initialise(today=DAY)
    made: dict[str, bytes] = {}

    def work() -> None:
        for i in range(40):
            made.update(services.create_data_keys([f"WORK{i:03}"], today=DAY))
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():
        rotate()
    worker.join()
    assert len(made) == 40
    assert services.data_keys(made) == made
