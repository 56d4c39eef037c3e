"""CRY-06, CRY-07, CRY-11, LAW-07: the restore drill, with real dumps, on SQLite and on PostgreSQL.

Yesterday's dumps of `default` and `vault` come back beside today's keystore and today's KEK, as docs/operations.md
says. SQLite is dumped and restored by its own backup interface, PostgreSQL by pg_dump and pg_restore.
"""

import os
import sqlite3
import stat
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connections, router

from panel.audit import anchors
from panel.audit import services as audit
from panel.audit.models import AuditEvent, AuditSeal
from panel.audit.rules import Actor
from panel.errors import Damaged, NotNow, Unreachable
from panel.invitations import services as outbox
from panel.invitations.models import Outgoing
from panel.journal import backup
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.keys.models import DataKey, WrappedRoot
from panel.members.models import PanelMember
from panel.rights import erasure, oversight, replay
from panel.rights.models import Stop
from panel.rights.services import ask_stop, undo_stop
from panel.vault import services as vault
from panel.vault.models import Card
from tests import triggers
from tests.factories import fielding as f
from tests.settings import TEST_DB

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pg_programs")]
OPERATOR = Actor.system("operator")
YESTERDAY = f.NOON
TODAY = f.NOON + timedelta(days=1)
TOMORROW = f.NOON + timedelta(days=2)


def restore(path: Path, alias: str) -> None:
    """As an operator would: the whole database, from a dump."""
    connection = connections[alias]
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as old:
            old.backup(connection.connection)
        return
    given = connection.settings_dict
    connection.close()
    where = ["--host", given["HOST"], "--username", given["USER"], "--dbname", given["NAME"]]
    if given["PORT"]:
        where += ["--port", str(given["PORT"])]
    words = [
        "pg_restore",
        "--clean",
        "--if-exists",
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
        *where,
    ]
    subprocess.run([*words, path], check=True, env={**os.environ, "PGPASSWORD": given["PASSWORD"]})


@dataclass
class Drill:
    """Who is in it: one leaves and deletes, one wants no mail, one takes a deletion back, two stay as they are."""

    folder: Path
    dumps: dict[str, Path]
    gone: PanelMember
    quiet: PanelMember
    back: PanelMember
    stays: PanelMember

    def restore(self, *aliases: str) -> None:
        for alias in aliases:
            restore(self.dumps[alias], alias)


def asks(member: PanelMember, rung: str, now, **changes: Any) -> Stop:
    return ask_stop(
        by=Actor.member(member.code), member=member, rung=rung, channel="stop page", typed_word="SLETT", now=now,
        **changes,
    )  # fmt: skip


@pytest.fixture
def drill(tmp_path) -> Drill:
    """Yesterday all three were dumped; then one was erased, one stopped all mail, one came back; then the night."""
    livet = f.with_letters(f.study())
    people = f.people(livet, 4)
    f.opened(livet)
    taken_back = asks(people[2], "leave_delete", YESTERDAY)
    journal.write(now=YESTERDAY)
    made = backup.dump(tmp_path, aliases=("default", "vault", "keystore"), now=YESTERDAY)
    asks(people[0], "leave_delete", TODAY, waive=True)
    asks(people[1], "no_mail", TODAY)
    undo_stop(by=Actor.member(people[2].code), stop=taken_back, now=TODAY)
    assert erasure.nightly(now=TODAY) == erasure.Night(erased=1, rotated_to=2)
    journal.write(now=TODAY)
    dumps = dict(zip(("default", "vault", "keystore"), made, strict=True))
    return Drill(tmp_path, dumps, *people)


def opens(*people: PanelMember) -> list[str]:
    """Whose cards open, tried one by one."""
    return [member.code for member in people if _opens(member)]


def _opens(member: PanelMember) -> bool:
    try:
        return bool(vault.open_cards([member.code], by=OPERATOR, reason="drill", now=TODAY, study="livet"))
    except Damaged:
        return False


def test_cry_06_after_a_restore_survivors_cards_open_and_the_erased_ones_does_not(drill):
    drill.restore("default", "vault")
    assert PanelMember.objects.filter(code=drill.gone.code).exists()
    assert Card.objects.count() == 4, "all of yesterday's ciphertext is back"
    assert opens(drill.gone, drill.quiet, drill.back, drill.stays) == [
        drill.quiet.code, drill.back.code, drill.stays.code,
    ]  # fmt: skip


def test_cry_06_an_old_copy_of_the_keystore_opens_nothing_under_todays_kek(drill):
    """Its version was destroyed in the night: that is why the keystore is backed up after it, in one generation."""
    drill.restore("default", "vault", "keystore")
    assert DataKey.objects.count() == 4
    assert opens(drill.gone, drill.stays) == []


def test_cry_11_nothing_is_sent_before_the_replay_and_then_to_survivors_only(drill, mailoutbox):
    drill.restore("default", "vault")
    assert f.send_all(TOMORROW) == 0
    assert mailoutbox == []
    with pytest.raises(NotNow, match="journal replay"):
        erasure.nightly(now=TOMORROW)
    with pytest.raises(CommandError, match="journal replay"):
        call_command("journal", "status")

    done = replay.replay(by=OPERATOR, now=TOMORROW)
    assert (done.applied, done.lost_members) == (4, 0)
    assert not PanelMember.objects.filter(code=drill.gone.code).exists()
    assert Card.objects.count() == 3
    assert f.send_all(TOMORROW) == 2
    assert sorted(to for letter in mailoutbox for to in letter.to) == ["m2@example.org", "m3@example.org"]
    assert Outgoing.objects.get(member=drill.quiet).reason == "stopped"


def test_law_07_withdrawals_and_their_undoing_hold_after_the_restore(drill):
    drill.restore("default", "vault")
    replay.replay(by=OPERATOR, now=TOMORROW)
    status = dict(PanelMember.objects.values_list("code", "status"))
    assert status == {drill.quiet.code: "active", drill.back.code: "active", drill.stays.code: "active"}
    assert PanelMember.objects.get(code=drill.quiet.code).mail_stopped
    assert erasure.erase_due(now=TOMORROW + timedelta(days=30)) == 0, "who took it back is not erased"
    assert journal_state.in_step(now=TOMORROW)
    assert journal_state.verify(Path(django_settings.JOURNAL_FILE)).fault == ""
    night = erasure.nightly(now=TOMORROW)
    assert (night.erased, night.rotated_to) == (0, 3), "the restored copies die too"
    assert opens(drill.quiet, drill.back, drill.stays) == [
        drill.quiet.code, drill.back.code, drill.stays.code,
    ]  # fmt: skip


def test_law_07_who_withdraws_between_restore_and_replay_stays_away(drill, mailoutbox):
    drill.restore("default", "vault")
    asks(PanelMember.objects.get(code=drill.stays.code), "leave_keep", TOMORROW)
    replay.replay(by=OPERATOR, now=TOMORROW)
    f.send_all(TOMORROW)
    letters = {tuple(letter.to) for letter in mailoutbox}
    assert ("m0@example.org",) not in letters
    rows = Outgoing.objects.filter(member__code=drill.stays.code, state="sent")
    assert {row.kind for row in rows} == {"receipt"}


def test_only_default_restored_over_todays_vault(drill):
    drill.restore("default")
    assert list(outbox.dispatch(now=TOMORROW)) == []
    replay.replay(by=OPERATOR, now=TOMORROW)
    assert set(PanelMember.objects.values_list("code", flat=True)) == set(
        opens(drill.gone, drill.quiet, drill.back, drill.stays)
    )


def test_only_the_vault_restored_beside_todays_default(drill):
    """Database and journal are in step; the dead card goes with the replay an operator is told to run."""
    drill.restore("vault")
    assert journal_state.in_step(now=TOMORROW)
    assert replay.replay(by=OPERATOR, now=TOMORROW).erased_again == 1
    assert Card.objects.count() == 3


# --- AUD-01: a head that was noted between dump and loss


def test_aud_01_a_head_noted_between_dump_and_loss_is_left_out_and_the_nightly_anchor_goes_on(drill):
    call_command("audit", "anchor")
    lost = max(anchors.noted().heads)
    drill.restore("default", "vault")
    assert f"position {lost}: its seal is gone" in anchors.verify().first_broken
    assert replay.replay(by=OPERATOR, now=TOMORROW).lost_heads == 1
    event = AuditEvent.objects.get(verb="chain.restored")
    assert (event.detail["position"], event.detail["upto"], event.detail["heads"]) == (0, lost, 1)
    assert anchors.verify().ok
    told = oversight.anchor(now=TOMORROW)
    assert told.noted
    assert [cut.heads for cut in told.verdict.restores] == [1]
    assert not AuditEvent.objects.filter(verb="chain.found_broken").exists()
    call_command("audit", "verify")


def test_aud_01_a_head_noted_before_the_dump_still_binds_after_the_restore(drill):
    kept = anchors.anchor(by=OPERATOR, now=TODAY).verdict.sealed
    (path,) = backup.dump(drill.folder, aliases=("default",), now=TOMORROW)
    asks(drill.stays, "no_mail", TOMORROW)
    journal.write(now=TOMORROW)
    assert anchors.anchor(by=OPERATOR, now=TOMORROW).noted
    restore(path, "default")
    assert replay.replay(by=OPERATOR, now=TOMORROW).lost_heads == 1
    assert anchors.verify().ok
    assert list(anchors.noted().heads) == [kept]
    with triggers.lifted([connections["default"]]):
        AuditEvent.objects.filter(verb="stop.asked").update(subject="OTHER")
        AuditSeal.objects.all().delete()
    audit.seal(now=TOMORROW)
    assert "is not the one noted earlier" in anchors.verify().first_broken


def test_aud_01_a_chain_cut_without_a_restore_stays_betrayed_through_a_replay(drill):
    """The journal is in step: nothing shows a restore, so a replay excuses nothing."""
    noted = anchors.anchor(by=OPERATOR, now=TODAY).verdict.sealed
    with triggers.lifted([connections["default"]]):
        AuditSeal.objects.filter(position__gt=noted - 2).delete()
    before = Path(django_settings.AUDIT_ANCHOR_FILE).read_text()
    assert replay.replay(by=OPERATOR, now=TOMORROW).lost_heads == 0
    assert Path(django_settings.AUDIT_ANCHOR_FILE).read_text() == before
    assert not anchors.verify().ok


def test_aud_01_nothing_is_replayed_before_the_cut_is_noted(drill, settings):
    """A replay that can't note it refuses; with the file back, the next one notes it and does everything."""
    anchors.anchor(by=OPERATOR, now=TODAY)
    drill.restore("default", "vault")
    file = settings.AUDIT_ANCHOR_FILE
    settings.AUDIT_ANCHOR_FILE = ""
    with pytest.raises(Unreachable, match="AUDIT_ANCHOR_FILE"):
        replay.replay(by=OPERATOR, now=TOMORROW)
    assert PanelMember.objects.filter(code=drill.gone.code).exists()
    settings.AUDIT_ANCHOR_FILE = file
    done = replay.replay(by=OPERATOR, now=TOMORROW)
    assert (done.applied, done.lost_heads) == (4, 1)
    assert anchors.verify().ok


# --- CRY-07: what a dump holds, and how many there are


def content(path: Path) -> bytes:
    """All of a dump, uncompressed."""
    if TEST_DB == "sqlite":
        return path.read_bytes()
    return subprocess.run(["pg_restore", "--file=-", path], check=True, capture_output=True).stdout


def stands_in(value: bytes, dump: bytes) -> bool:
    return value in dump or value.hex().encode() in dump


def test_cry_07_a_dump_of_default_or_vault_holds_no_wrapped_key(tmp_path):
    f.people(f.study(), 3)
    paths = backup.dump(tmp_path, aliases=("default", "vault", "keystore"), now=YESTERDAY)
    dumps = dict(zip(("default", "vault", "keystore"), map(content, paths), strict=True))
    wrapped = [bytes(row.wrapped) for model in (DataKey, WrappedRoot) for row in model.objects.all()]
    assert len(wrapped) >= 4
    for key in wrapped:
        assert [alias for alias, dump in dumps.items() if stands_in(key, dump)] == ["keystore"]
    locators = [bytes(card.locator) for card in Card.objects.all()]
    assert all(stands_in(locator, dumps["vault"]) for locator in locators), "the search finds what is there"
    assert not any(stands_in(locator, dumps["keystore"]) for locator in locators)
    for table in (DataKey, WrappedRoot):
        assert router.db_for_write(table) == "keystore"
        assert table._meta.db_table.encode() not in dumps["default"] + dumps["vault"]


def test_cry_07_the_keystores_dump_has_one_generation_the_others_are_kept(tmp_path):
    f.people(f.study(), 1)
    for day in (YESTERDAY, TODAY):
        backup.dump(tmp_path, aliases=("default", "vault", "keystore"), now=day)
    found = {
        alias: sorted(p.name for p in (tmp_path / alias).iterdir())
        for alias in ("default", "vault", "keystore")
    }
    assert found["keystore"] == ["keystore.dump"]
    assert len(found["default"]) == len(found["vault"]) == 2
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_backup_command_names_what_it_made(tmp_path, capsys):
    f.people(f.study(), 1)
    call_command("backup", str(tmp_path), "--only", "keystore")
    assert capsys.readouterr().out.strip() == str(tmp_path / "keystore" / "keystore.dump")
    with pytest.raises(CommandError, match="no database elsewhere"):
        call_command("backup", str(tmp_path), only=["elsewhere"])


@pytest.fixture
def on_postgres() -> None:
    if TEST_DB != "postgres":
        pytest.skip("pg_dump is for PostgreSQL")


def test_a_backup_without_pg_dump_says_so(on_postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match="client programs"):
        backup.dump(tmp_path, aliases=("vault",), now=TODAY)


def test_a_dump_that_fails_leaves_the_one_before_and_shows_no_address(on_postgres, tmp_path, monkeypatch):
    (kept,) = backup.dump(tmp_path, aliases=("keystore",), now=YESTERDAY)
    before = kept.read_bytes()
    monkeypatch.setitem(connections["keystore"].settings_dict, "PORT", "1")
    with pytest.raises(Unreachable, match="keystore") as refusal:
        backup.dump(tmp_path, aliases=("keystore",), now=TODAY)
    assert str(connections["keystore"].settings_dict["HOST"]) not in str(refusal.value)
    assert kept.read_bytes() == before
