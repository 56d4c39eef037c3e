"""The system check of the KEK file, and the commands on keys."""

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.checks.registry import registry
from django.core.management import call_command

from panel.keys import services
from panel.keys.checks import kek_file_is_safe


def ids() -> list[str | None]:
    return [found.id for found in kek_file_is_safe()]


def test_all_is_well_with_a_file_of_its_own():
    assert ids() == []


@pytest.mark.parametrize("process", ["all", "desk", "worker"])
def test_a_process_that_opens_cards_needs_the_file(settings, tmp_path, process):
    settings.PROCESS = process
    for missing in ("", str(tmp_path / "none.json")):
        settings.KEK_FILE = missing
        assert ids() == ["keys.E001"]


@pytest.mark.parametrize("process", ["portal", "beat", "migrate"])
def test_others_do_without(settings, process):
    settings.PROCESS, settings.KEK_FILE = process, ""
    assert ids() == []


def test_a_file_others_can_read_is_an_error_in_every_process(settings, tmp_path):
    file = tmp_path / "kek.json"
    file.touch(mode=0o600)
    file.chmod(0o640)
    settings.KEK_FILE = str(file)
    for settings.PROCESS in ("worker", "migrate"):
        assert ids() == ["keys.E002"]


def test_the_check_is_registered():
    checks: set[object] = set(registry.get_checks())
    assert kek_file_is_safe in checks


def run(name: str, *args: str) -> str:
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_keys_init_makes_what_is_absent_and_overwrites_nothing(settings, tmp_path):
    settings.KEK_FILE = str(tmp_path / "new" / "kek.json")
    assert json.loads(run("keys_init", "--json")) == {"kek_file_made": True, "index_root_made": True}
    before = Path(settings.KEK_FILE).read_bytes()
    assert "left as it is" in run("keys_init")
    assert Path(settings.KEK_FILE).read_bytes() == before


@pytest.mark.django_db
def test_keys_status_shows_versions_and_no_key(settings):
    text = run("keys_status", "--json")
    (version,) = json.loads(text)["versions"]
    assert version["current"] is True
    assert version["data_keys"] == 0
    kept = json.loads(Path(settings.KEK_FILE).read_text())["versions"]
    assert not any(entry["key"] in text for entry in kept.values())


@pytest.mark.django_db
def test_keys_rotate_makes_a_version_and_finishing_makes_none():
    services.create_data_keys(["C0DE"], today=date(2023, 10, 1))
    done = json.loads(run("keys_rotate", "--json"))
    assert done["rewrapped"] == 2
    assert done["destroyed"] == [done["version"] - 1]
    again = json.loads(run("keys_rotate", "--finish", "--json"))
    assert again == {"version": done["version"], "rewrapped": 0, "destroyed": []}
    assert "versions destroyed: none" in run("keys_rotate", "--finish")
