"""The audit chain: what it holds, and that each way of breaking it is found and named (AUD-01)."""

import json
import stat
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction

from panel.audit import anchors, rules, selectors, services, tasks
from panel.audit.models import AuditEvent, AuditSeal
from panel.audit.rules import Actor, Anchors
from panel.commands import Refused
from tests import triggers

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 2, 12, tzinfo=UTC)
VERA, SYSTEM = Actor.staff("vera"), Actor.system("test")


def record(number: int = 1, **changes) -> None:
    for i in range(number):
        services.record(by=VERA, verb="card.opened", now=NOW + timedelta(minutes=i), **changes)


@pytest.mark.parametrize("verb", ["study created", "Wave.planned", "wave", "stop.", "release.asked for", ""])
def test_an_event_is_named_noun_dot_verb(verb):
    with pytest.raises(AssertionError):
        services.record(by=VERA, verb=verb, now=NOW)
    assert not AuditEvent.objects.exists()


@pytest.fixture(autouse=True)
def _anchors_of_their_own(settings, tmp_path):
    settings.AUDIT_ANCHOR_FILE = str(tmp_path / "anchors.txt")


@pytest.fixture
def chain() -> list[AuditSeal]:
    record(5, study="livet", subject="C0DE", detail={"reason": "asked", "number": 1.5})
    services.seal(now=NOW)
    return list(AuditSeal.objects.order_by("position"))


def break_in(statement, *args):
    """As somebody with the database's superuser would, the triggers out of the way."""
    with triggers.lifted([connections["default"]]):
        statement(*args)


def events(seal: AuditSeal):
    return AuditEvent.objects.filter(uid=seal.event)


def test_a_whole_chain_holds(chain):
    verdict = selectors.verify()
    assert verdict.ok
    assert (verdict.first_broken, verdict.sealed, verdict.head) == ("", 5, chain[-1].hash)
    assert verdict.oldest_unsealed is None


def test_an_empty_chain_holds_and_the_oldest_unsealed_is_told():
    assert selectors.verify().ok
    record(2)
    assert selectors.verify().oldest_unsealed == NOW


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "OTHER"},
        {"actor": "signe"},
        {"actor_kind": "system"},
        {"verb": "nothing"},
        {"study": "other"},
        {"at": NOW},
        {"detail": {"reason": "other"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_modified_event_is_named(chain, change):
    break_in(lambda: events(chain[2]).update(**change))
    verdict = selectors.verify()
    assert not verdict.ok
    assert verdict.first_broken == f"position 3, event {chain[2].event}: was changed"


def test_a_deleted_event_is_named(chain):
    break_in(events(chain[1]).delete)
    assert selectors.verify().first_broken == f"position 2, event {chain[1].event}: the event is gone"


def test_a_deleted_event_with_its_seal_is_named(chain):
    break_in(events(chain[1]).delete)
    break_in(AuditSeal.objects.filter(position=2).delete)
    assert selectors.verify().first_broken == "position 2: its seal is gone"


def test_reordered_events_are_named(chain):
    def swap() -> None:
        AuditSeal.objects.filter(position__in=[2, 3]).delete()
        for place, other in ((1, 2), (2, 1)):
            seal = chain[place]
            AuditSeal.objects.create(
                position=seal.position,
                event=chain[other].event,
                previous=seal.previous,
                hash=seal.hash,
                sealed_at=seal.sealed_at,
            )

    break_in(swap)
    assert selectors.verify().first_broken.startswith("position 2, event")


def test_a_changed_seal_is_named(chain):
    break_in(lambda: AuditSeal.objects.filter(position=4).update(hash="0" * 64))
    assert selectors.verify().first_broken == f"position 4, event {chain[3].event}: was changed"
    break_in(lambda: AuditSeal.objects.filter(position=4).update(hash=chain[3].hash, previous="0" * 64))
    assert "does not follow" in selectors.verify().first_broken


def test_a_chain_cut_short_or_made_anew_is_betrayed_by_an_anchor(chain):
    """The end cut off leaves a chain that holds: only a head noted outside tells of it."""
    noted = Anchors({5: chain[-1].hash})
    for seal in chain[3:]:
        break_in(events(seal).delete)
    break_in(AuditSeal.objects.filter(position__gt=3).delete)
    assert selectors.verify().ok
    assert selectors.verify(anchors=noted).first_broken.startswith("position 5: its seal is gone")
    record(2)
    services.seal(now=NOW)
    assert "is not the one noted earlier" in selectors.verify(anchors=noted).first_broken


def test_a_long_chain_is_sealed_in_steps_and_verified_in_chunks(monkeypatch):
    monkeypatch.setattr(selectors, "CHUNK", 3)
    record(10)
    assert [services.seal(now=NOW, limit=4) for _ in range(4)] == [4, 4, 2, 0]
    assert selectors.verify().sealed == 10


def test_an_event_that_turns_up_late_with_a_lower_id_is_sealed():
    """On PostgreSQL ids become visible in order of commit, not of number."""
    record(3)
    late = AuditEvent.objects.earliest("id")
    break_in(AuditEvent.objects.filter(pk=late.pk).delete)
    assert services.seal(now=NOW) == 2
    late.save(force_insert=True)
    assert services.seal(now=NOW) == 1
    assert selectors.verify().ok


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_do_not_fork_the_chain():
    record(60)
    sealed: list[int] = []

    def seal() -> None:
        for _ in range(12):
            sealed.append(services.seal(now=NOW, limit=5))
        connections.close_all()

    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    verdict = selectors.verify()
    assert verdict.ok
    assert (verdict.sealed, sum(sealed), verdict.oldest_unsealed) == (60, 60, None)


def test_the_loser_of_the_race_looks_again(monkeypatch):
    """Another sealer takes the position between this one's look and its write."""
    record(4)
    looks = [None, selectors.head()]  # the first one saw an empty chain

    def other_first(now: datetime, limit: int, above: int | None = None) -> int:
        monkeypatch.undo()
        monkeypatch.setattr(services, "head", lambda: looks.pop(0) if len(looks) > 1 else selectors.head())
        return services._seal_once(now, limit)

    services.seal(now=NOW, limit=2)
    monkeypatch.setattr(services, "_seal_once", other_first)
    assert services.seal(now=NOW) == 2
    assert len(looks) == 1
    verdict = selectors.verify()
    assert verdict.ok
    assert verdict.sealed == 4


def test_an_event_is_kept_with_its_action_or_not_at_all():
    def act() -> None:
        with transaction.atomic():
            record()
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        act()
    assert not AuditEvent.objects.exists()


def test_typed_reasons_are_kept_without_contact_data():
    """AUD-01: no contact data, whoever typed it."""
    detail = {"reason": "Wrote from amal@example.org, call +47 900 00 000", "codes": ["C0DE"]}
    record(detail=detail)
    kept = AuditEvent.objects.get().detail
    assert kept == {"reason": "Wrote from [address], call [phone]", "codes": ["C0DE"]}


@pytest.mark.parametrize("model", [AuditEvent, AuditSeal])
def test_the_database_refuses_to_change_or_delete(chain, model):
    field = {AuditEvent: {"verb": "nothing"}, AuditSeal: {"hash": "0"}}[model]
    for act in (lambda: model.objects.update(**field), lambda: model.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert selectors.verify().ok


@pytest.mark.parametrize("model", [AuditEvent, AuditSeal])
def test_the_database_refuses_truncate(chain, model):
    if connections["default"].vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE; its DELETE is refused")
    with connections["default"].cursor() as cursor, transaction.atomic():
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(f"TRUNCATE {model._meta.db_table} CASCADE")
        transaction.set_rollback(True)


def test_the_task_seals():
    record(2)
    tasks.seal()
    assert selectors.verify().sealed == 2


def command(step: str, *args: str) -> dict[str, Any]:
    out = StringIO()
    with suppress(Refused):
        call_command("audit", step, "--json", *args, stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def verify(*args: str) -> dict[str, Any]:
    return command("verify", *args)


def test_the_command_says_so_and_ends_with_1_where_it_is_broken(chain):
    assert verify()["ok"] is True
    break_in(events(chain[0]).delete)
    assert verify()["first_broken"].startswith("position 1")
    with pytest.raises(Refused, match="broken at position 1") as refused:
        call_command("audit", "verify", stdout=StringIO())
    assert refused.value.returncode == 1


@pytest.fixture
def anchors_file(settings, tmp_path):
    settings.AUDIT_ANCHOR_FILE = str(tmp_path / "apart" / "anchors.txt")
    return tmp_path / "apart" / "anchors.txt"


def test_the_head_is_noted_outside_and_the_chain_is_held_to_it(chain, anchors_file):
    """AUD-01: the head is anchored outside the database; `verify` reads the anchors by itself."""
    assert command("anchor")["noted"]
    (line,) = anchors_file.read_text().splitlines()
    assert line.split()[:2] == ["5", chain[-1].hash]
    assert stat.S_IMODE(anchors_file.stat().st_mode) == 0o600
    assert verify()["ok"]
    break_in(AuditSeal.objects.filter(position=5).delete)
    break_in(events(chain[4]).delete)
    assert verify()["first_broken"].startswith("position 5: its seal is gone")
    with pytest.raises(Refused, match="broken at position 5"):
        call_command("audit", "anchor", stdout=StringIO())
    assert anchors_file.read_text().count("\n") == 1
    assert AuditEvent.objects.filter(verb="chain.found_broken").exists()


def test_each_day_adds_a_line_and_an_unchanged_chain_none(chain, anchors_file):
    for day in range(3):
        assert anchors.anchor(by=SYSTEM, now=NOW + timedelta(days=day)).noted
    assert [line.split()[0] for line in anchors_file.read_text().splitlines()] == ["5", "6", "7"]
    assert verify()["ok"]


def test_a_chain_cut_and_made_anew_is_betrayed_on_the_command_line(chain, anchors_file):
    """Whoever holds the service key and the database can make a chain that holds; the anchor can't be remade."""
    command("anchor")
    break_in(AuditSeal.objects.all().delete)
    break_in(lambda: AuditEvent.objects.filter(uid=chain[3].event).update(subject="OTHER"))
    services.seal(now=NOW)
    assert selectors.verify().ok
    assert verify()["first_broken"] == f"position 5, event {chain[4].event}: is not the one noted earlier"


# --- a restore cuts the chain as a forger does; what tells them apart stands outside the database


@pytest.fixture
def restored(chain, anchors_file):
    """Heads were noted at 3, 5 and 6; then a dump from before came back, in which the chain ends at 3."""
    anchors_file.parent.mkdir()
    anchors_file.write_text(rules.anchor_line(3, chain[2].hash, NOW))
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    cut_down(3)
    return anchors_file


def cut_down(position: int) -> None:
    kept = AuditSeal.objects.filter(position__lte=position).values("event")
    break_in(AuditEvent.objects.exclude(uid__in=kept).delete)
    break_in(AuditSeal.objects.filter(position__gt=position).delete)


def test_a_noted_restore_leaves_out_the_lost_heads_counts_them_and_goes_on(chain, restored):
    assert verify()["first_broken"].startswith("position 5: its seal is gone")
    cut = anchors.note_restore(by=SYSTEM, now=NOW)
    assert cut
    assert (cut.position, cut.head, cut.upto, cut.heads) == (3, chain[2].hash, 6, 2)
    assert restored.read_text().splitlines()[-1] == f"restored 3 {chain[2].hash} 6 2023-10-02T12:00Z"
    assert AuditEvent.objects.get(verb="chain.restored").detail == cut.detail
    said = verify()
    assert said["ok"]
    assert [(r["position"], r["upto"], r["heads"]) for r in said["restores"]] == [(3, 6, 2)]
    shown = StringIO()
    call_command("audit", "verify", stdout=shown)
    assert "2 heads of a chain lost by the restore noted on 2023-10-02T12:00Z" in shown.getvalue()
    for day in (1, 2, 3):  # over the positions of the lost heads, with other events
        assert anchors.anchor(by=SYSTEM, now=NOW + timedelta(days=day)).noted
    assert [*anchors.noted().heads] == [3, 4, 5, 6]
    assert command("status")["last_anchor_stands"]
    assert verify()["ok"]


def test_a_restore_in_which_no_head_was_lost_leaves_no_line(chain, anchors_file):
    command("anchor")
    before = anchors_file.read_text()
    assert anchors.note_restore(by=SYSTEM, now=NOW) is None
    assert anchors_file.read_text() == before
    assert not AuditEvent.objects.filter(verb="chain.restored").exists()


def test_a_restore_to_before_the_first_seal_is_noted(chain, restored):
    cut_down(0)
    cut = anchors.note_restore(by=SYSTEM, now=NOW)
    assert cut
    assert (cut.position, cut.upto, cut.heads) == (0, 6, 3)
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    assert verify()["ok"]


def test_an_event_alone_excuses_no_forger(chain, restored):
    """Who holds database and service key can write the event, cut and make anew, but not the line outside."""
    cut = rules.cut_at(anchors.noted().heads, 3, chain[2].hash, "2023-10-02T12:00Z")
    assert cut
    services.record(by=VERA, verb="chain.restored", now=NOW, detail=cut.detail)
    assert verify()["first_broken"].startswith("position 5: its seal is gone")
    record(4)
    services.seal(now=NOW)
    assert selectors.verify().ok, "the chain made anew holds by itself"
    assert "is not the one noted earlier" in verify()["first_broken"]


def test_a_line_alone_excuses_nothing(chain, restored):
    cut = rules.cut_at(anchors.noted().heads, 3, chain[2].hash, "2023-10-02T12:00Z")
    assert cut
    with restored.open("a") as file:
        file.write(rules.restored_line(cut))
    assert verify()["first_broken"] == "position 3: no event tells of the restore that was noted there"
    assert not anchors.anchor(by=SYSTEM, now=NOW).noted


@pytest.mark.parametrize("name", ["position", "head", "upto", "lost", "heads"])
def test_a_line_that_the_event_contradicts_is_betrayed(chain, restored, name):
    cut = anchors.note_restore(by=SYSTEM, now=NOW)
    assert cut
    assert verify()["ok"]
    other = {**cut.detail, name: "0" * 64 if isinstance(cut.detail[name], str) else 99}
    break_in(lambda: AuditEvent.objects.filter(verb="chain.restored").update(detail=other))
    assert "no event tells of the restore" in verify()["first_broken"]


def test_after_a_noted_restore_what_came_before_and_after_it_is_still_held(chain, restored):
    """A modified event, a remade chain and a cut one: below the restore, at it and above it."""
    anchors.note_restore(by=SYSTEM, now=NOW)
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    last = AuditSeal.objects.latest("position")
    cut_down(last.position - 1)
    assert verify()["first_broken"].startswith(f"position {last.position}: its seal is gone")
    break_in(AuditSeal.objects.all().delete)
    break_in(lambda: AuditEvent.objects.filter(uid=chain[1].event).update(subject="OTHER"))
    services.seal(now=NOW)
    assert selectors.verify().ok
    assert verify()["first_broken"] == f"position 3, event {chain[2].event}: is not the one noted earlier"


def test_the_head_that_a_restore_left_is_held_though_it_was_never_anchored(chain, anchors_file):
    command("anchor")
    cut_down(3)
    anchors.note_restore(by=SYSTEM, now=NOW)
    break_in(AuditSeal.objects.all().delete)
    break_in(lambda: AuditEvent.objects.filter(uid=chain[1].event).update(subject="OTHER"))
    services.seal(now=NOW)
    assert verify()["first_broken"] == f"position 3, event {chain[2].event}: is not the one noted earlier"


def test_a_chain_remade_before_a_restore_is_not_washed_by_it(chain, restored):
    """The head noted at the very end of the restored chain is another one: no line is written, it stays betrayed."""
    break_in(AuditSeal.objects.all().delete)
    break_in(lambda: AuditEvent.objects.filter(uid=chain[1].event).update(subject="OTHER"))
    services.seal(now=NOW)
    assert anchors.note_restore(by=SYSTEM, now=NOW) is None
    assert "restored" not in restored.read_text()
    assert "is not the one noted earlier" in verify()["first_broken"]


def test_a_second_restore_that_takes_the_first_ones_event_away_writes_it_again(chain, restored):
    first = anchors.note_restore(by=SYSTEM, now=NOW)
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    cut_down(2)
    second = anchors.note_restore(by=SYSTEM, now=NOW)
    assert first
    assert second
    assert (second.position, second.heads) == (2, 2)
    assert verify()["ok"]
    assert anchors.anchor(by=SYSTEM, now=NOW).noted
    assert len(verify()["restores"]) == 2


def test_killed_between_event_and_line_the_next_run_writes_the_line(chain, restored, monkeypatch):
    def full(*args: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as broken:
        broken.setattr(anchors, "_append", full)
        with pytest.raises(OSError, match="no space"):
            anchors.note_restore(by=SYSTEM, now=NOW)
    assert not verify()["ok"]
    anchors.note_restore(by=SYSTEM, now=NOW)
    assert verify()["ok"]
    assert AuditEvent.objects.filter(verb="chain.restored").count() == 1


@pytest.mark.parametrize("line", [(3, "b", 7), (3, "b", 5), (9, "b", 6), (5, "b", 6)])
def test_a_restore_that_the_heads_above_it_contradict_is_refused_by_its_line(chain, restored, line):
    position, letter, upto = line
    with restored.open("a") as file:
        file.write(f"restored {position} {letter * 64} {upto} 2023-10-02T12:00Z\n")
    with pytest.raises(Refused, match="Line 4 of the anchors' file notes a restore"):
        call_command("audit", "verify")


def test_the_state_is_told_at_once_and_holds_the_last_anchor_against_the_chain(chain, anchors_file):
    command("anchor")
    record(2)
    said = command("status")
    assert (said["sealed"], said["waiting"], said["anchors"], said["last_anchor"]) == (5, 3, 1, 5)
    assert said["last_anchor_stands"]
    break_in(lambda: AuditSeal.objects.filter(position=5).update(hash="0" * 64))
    with pytest.raises(Refused, match="no longer has the head noted at position 5"):
        call_command("audit", "status", stdout=StringIO())


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "5 abc 2023-01-01T00:00Z",
        f"5 {'a' * 64} 2023-01-01T00:00Z\n5 {'b' * 64} 2023-01-02T00:00Z",
    ],
)
def test_a_damaged_anchors_file_is_refused_by_its_line(chain, anchors_file, text):
    command("anchor")
    anchors_file.write_text(text)
    for step in ("verify", "anchor", "status"):
        with pytest.raises(Refused, match="Line [12] of the anchors' file"):
            call_command("audit", step)


def test_an_anchors_file_that_is_gone_is_missed(chain, anchors_file, tmp_path):
    assert verify()["ok"]  # before the first anchor there is none to miss
    command("anchor")
    copy = anchors_file.rename(tmp_path / "copy.txt")
    with pytest.raises(Refused, match="gone"):
        call_command("audit", "verify")
    assert verify("--anchors", str(copy))["ok"]


def test_without_an_anchors_file_the_command_says_where_to_run_it(chain, settings):
    settings.AUDIT_ANCHOR_FILE = ""
    for step in ("verify", "anchor", "status"):
        with pytest.raises(Refused, match="AUDIT_ANCHOR_FILE"):
            call_command("audit", step)


def test_anchors_that_cannot_be_read_are_refused_with_a_sentence(tmp_path):
    (tmp_path / "anchors").write_bytes(b"\xff\xfe\x80")
    for file in (tmp_path / "anchors", tmp_path):
        with pytest.raises(Refused, match="can't be read"):
            call_command("audit", "verify", "--anchors", str(file))


def test_an_anchor_that_cannot_be_written_is_refused(chain, settings, tmp_path):
    (tmp_path / "file").touch()
    settings.AUDIT_ANCHOR_FILE = str(tmp_path / "file" / "anchors.txt")
    with pytest.raises(Refused, match="can't be"):
        call_command("audit", "anchor")
    assert not AuditEvent.objects.filter(verb="chain.anchored").exists()
