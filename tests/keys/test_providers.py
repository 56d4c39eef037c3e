"""The KEK file: its mode, its atomic changes, what is refused (CRY-04, CRY-05)."""

import json
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from panel.errors import Damaged, Unreachable
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.providers import FileProvider, provider

DAY = date(2023, 10, 1)
HERE = Place("keys_datakey", "wrapped", b"row")


@pytest.fixture
def kek(tmp_path: Path) -> FileProvider:
    made = FileProvider(tmp_path / "keys" / "kek.json")
    made.create(today=DAY)
    return made


def test_the_file_is_made_for_its_owner_alone(kek):
    assert stat.S_IMODE(kek.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kek.path.parent.stat().st_mode) == 0o700
    assert kek.ring().made_on == {1: DAY}


def test_an_existing_file_is_never_overwritten(kek):
    before = kek.path.read_bytes()
    assert kek.create(today=DAY) is False
    assert kek.path.read_bytes() == before
    assert os.listdir(kek.path.parent) == ["kek.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_others_can_read_is_refused(kek, mode):
    kek.path.chmod(mode)
    with pytest.raises(Unreachable, match="0600"):
        kek.ring()


def test_no_file_and_a_broken_file_are_told_apart(kek):
    short = {"key": "AAAA", "made_on": "2023-10-01"}
    for broken in ("", "{}", "[]", '{"versions": {}}', json.dumps({"versions": {"1": short}})):
        kek.path.write_text(broken)
        with pytest.raises(Damaged):
            kek.ring()
    kek.path.unlink()
    with pytest.raises(Unreachable, match="keys init"):
        kek.ring()


def test_a_process_without_a_kek_says_so(settings):
    settings.KEK_FILE = ""
    with pytest.raises(Unreachable, match="may not open"):
        provider()


def test_a_new_version_wraps_and_the_old_one_still_unwraps(kek):
    key = crypto.random_key()
    old = kek.ring().wrap(key, HERE)
    assert kek.add_version(today=DAY) == 2
    ring = kek.ring()
    new = ring.wrap(key, HERE)
    assert crypto.key_version(new, place=HERE) == 2
    assert ring.unwrap(old, HERE) == ring.unwrap(new, HERE) == key
    assert stat.S_IMODE(kek.path.stat().st_mode) == 0o600


def test_a_destroyed_version_is_gone_from_the_file_and_opens_nothing(kek):
    old = kek.ring().wrap(crypto.random_key(), HERE)
    was = json.loads(kek.path.read_text())["versions"]["1"]["key"]
    kek.add_version(today=DAY)
    kek.destroy_version(1)
    assert was not in kek.path.read_text()
    with pytest.raises(Damaged):
        kek.ring().unwrap(old, HERE)


def test_the_current_version_is_not_destroyed_and_no_number_comes_back(kek):
    with pytest.raises(ValueError, match="current"):
        kek.destroy_version(1)
    kek.add_version(today=DAY)
    kek.destroy_version(1)
    assert kek.add_version(today=DAY) == 3


def test_a_change_that_breaks_off_leaves_the_old_file(kek, monkeypatch):
    before = kek.path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        kek.add_version(today=DAY)
    assert kek.path.read_bytes() == before
    assert os.listdir(kek.path.parent) == ["kek.json"]


def test_what_a_killed_process_left_beside_the_file_goes_with_the_next_change(kek):
    left = kek.path.parent / ".kek.json-left"
    left.write_bytes(kek.path.read_bytes())
    kek.add_version(today=DAY)
    assert os.listdir(kek.path.parent) == ["kek.json"]


def test_no_key_shows_in_a_ring(kek):
    ring = kek.ring()
    assert repr(ring.keys[1]) not in repr(ring)
    assert "keys=" not in repr(ring)
