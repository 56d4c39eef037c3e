"""The system check of the KEK file."""

import importlib

import pytest
from django.core.checks.registry import registry

from panel.keys.checks import kek_file_is_safe, kek_provider_is_fit


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
    assert {kek_file_is_safe, kek_provider_is_fit} <= checks


def test_cry_05_a_kek_from_the_environment_is_an_error_in_production_only(settings):
    settings.KEK_PROVIDER = "environment"
    assert [found.id for found in kek_provider_is_fit()] == ["keys.E003"]
    settings.DEBUG = True
    assert kek_provider_is_fit() == []


@pytest.mark.parametrize(("name", "file"), [("transit", "openbao"), ("kms", "aws")])
def test_cry_05_a_provider_without_its_library_is_an_error_that_names_the_file(
    settings, monkeypatch, name, file
):
    settings.KEK_PROVIDER = name
    assert kek_provider_is_fit() == []

    def absent(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr(importlib, "import_module", absent)
    (found,) = kek_provider_is_fit()
    assert found.id == "keys.E004"
    assert f"requirements-{file}.txt" in str(found.hint)
