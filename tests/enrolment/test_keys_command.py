"""The one command on keys: what each of its works prints and does."""

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from panel.audit.models import AuditEvent
from panel.keys import services
from panel.keys.models import DataKey
from panel.vault.models import Card
from tests.factories import cast

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("keys", *words, stdout=out)
    return out.getvalue()


def test_init_makes_what_is_absent_and_overwrites_nothing(settings, tmp_path):
    settings.KEK_FILE = str(tmp_path / "new" / "kek.json")
    assert json.loads(run("init", "--json")) == {"kek_file_made": True, "index_root_made": True}
    before = Path(settings.KEK_FILE).read_bytes()
    assert "left as it is" in run("init")
    assert Path(settings.KEK_FILE).read_bytes() == before
    assert AuditEvent.objects.filter(verb="keys.made").count() == 1


def test_status_shows_versions_and_no_key(settings):
    text = run("status", "--json")
    (version,) = json.loads(text)["versions"]
    assert version["current"] is True
    assert version["data_keys"] == 0
    kept = json.loads(Path(settings.KEK_FILE).read_text())["versions"]
    assert not any(entry["key"] in text for entry in kept.values())


def test_rotate_makes_a_version_and_rewrapping_makes_none():
    services.create_data_keys(["C0DE"], today=date(2023, 10, 1))
    done = json.loads(run("rotate", "--json"))
    assert done["rewrapped"] == 2
    assert done["destroyed"] == [done["version"] - 1]
    again = json.loads(run("rewrap", "--json"))
    assert again == {"version": done["version"], "rewrapped": 0, "destroyed": [], "damaged": 0}
    assert "destroyed: none" in run("destroy-old")


def test_a_damaged_key_ends_the_command_with_status_1_and_the_command_to_run():
    services.create_data_keys(["C0DE", "C0DF"], today=date(2023, 10, 1))
    one, other = DataKey.objects.all()
    DataKey.objects.filter(pk=one.pk).update(wrapped=other.wrapped)
    with pytest.raises(CommandError, match="keys verify") as ended:
        run("rotate")
    assert ended.value.returncode == 1


def test_verify_names_the_row_by_the_members_code_and_shows_nothing_of_the_card():
    """CRY-02; the damaged field is one of a real member's card."""
    amal = cast.amal(cast.study())
    clean = json.loads(run("verify", "--json"))
    assert (clean["keys"], clean["cards"], clean["faulty"]) == (1, 1, 0)
    email = bytes(Card.objects.get().email)
    Card.objects.update(email=email[:-1] + bytes([email[-1] ^ 1]))
    out = StringIO()
    with pytest.raises(CommandError, match="Not everything opens") as ended:
        call_command("keys", "verify", stdout=out)
    assert ended.value.returncode == 1
    assert f"card of {amal.code}: does not open: email" in out.getvalue()
    assert "Restore the vault" in out.getvalue()
    assert "@" not in out.getvalue()


def test_renew_cards_seals_anew_and_a_damaged_card_ends_with_status_1():
    cast.amal(cast.study())
    assert json.loads(run("renew-cards", "--json")) == {"renewed": 1, "damaged": 0}
    Card.objects.update(email=b"")
    with pytest.raises(CommandError, match="keys verify") as ended:
        run("renew-cards")
    assert ended.value.returncode == 1


def test_what_is_no_work_of_it_is_a_wrong_call():
    with pytest.raises(CommandError):
        run("shred")
