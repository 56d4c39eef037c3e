"""CRY-11: entries reach the file once and in order; cut, changed, foreign or lost, it stops sending with a sentence."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connections, transaction

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged, NotNow
from panel.journal import file, selectors, services, tasks
from panel.journal.models import JournalEntry, JournalLine, JournalState
from panel.journal.rules import NOTED_HOLDS, SENTENCES, Reason
from tests import triggers

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 5, 9, tzinfo=UTC)
OPERATOR = Actor.system("operator")
Kind = JournalEntry.Kind


def journal() -> Path:
    return Path(django_settings.JOURNAL_FILE)


def record(number: int = 1, now: datetime = NOW) -> None:
    for n in range(number):
        services.record(
            kind=Kind.WITHDRAWN, study="s", code=f"CODE{n}", payload={"purposes": ["waves"]}, now=now
        )


def written(number: int = 3) -> list[bytes]:
    """So many lines in file and database."""
    record(number)
    assert services.write(now=NOW) == number
    return journal().read_bytes().splitlines(keepends=True)


def reason() -> Reason | None:
    return selectors.compare(now=NOW).reason


def forget(*, keep: int = 0) -> None:
    """As a backup restored from before those lines: the database knows the first few only."""
    uids = list(JournalLine.objects.filter(position__gt=keep).values_list("entry", flat=True))
    with lifted():
        JournalLine.objects.filter(entry__in=uids).delete()
        JournalEntry.objects.filter(uid__in=uids).delete()


def lifted():
    return triggers.lifted([connections["default"]])


# --- writing


def test_entries_are_lines_in_their_order_and_once(db):
    record(2)
    services.record(
        kind=Kind.STOP_ASKED, study="s", code="C", payload={"rung": "pause", "ø": [1, None]}, now=NOW
    )
    assert services.write(now=NOW) == 3
    assert services.write(now=NOW) == 0
    lines = [json.loads(line) for line in journal().read_text().splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3]
    assert [line["code"] for line in lines] == ["CODE0", "CODE1", "C"]
    assert lines[2]["payload"] == {"rung": "pause", "ø": [1, None]}
    assert [line["previous"] for line in lines] == ["", lines[0]["hash"], lines[1]["hash"]]
    assert reason() is None
    verdict = selectors.verify(journal())
    assert (verdict.fault, verdict.in_file, verdict.in_table, verdict.waiting) == ("", 3, 3, 0)


def test_the_file_is_for_its_owner_only():
    written(1)
    assert stat.S_IMODE(journal().stat().st_mode) == 0o600


def test_an_entry_stands_or_falls_with_what_it_tells_of():
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("model", [JournalEntry, JournalLine])
def test_the_database_refuses_to_change_or_remove_a_row(model):
    written(1)
    for broken in (
        lambda: model.objects.all().delete(),
        lambda: model.objects.update(**{model._meta.pk.name: 9}),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            broken()


def test_more_than_one_batch(monkeypatch):
    monkeypatch.setattr(selectors, "BATCH", 4)
    record(10)
    assert [services.write(now=NOW) for _ in range(4)] == [4, 4, 2, 0]
    assert not selectors.verify(journal()).fault


def test_two_writers_at_once_write_nothing_twice():
    record()
    with file.locked(journal(), wait=True):
        assert services.write(now=NOW) == 0
    assert services.write(now=NOW) == 1


def test_the_task_is_a_shell(monkeypatch):
    record()
    monkeypatch.setattr("panel.clock.now", lambda: NOW)
    tasks.write()
    assert journal().exists()


# --- crashes


def test_a_crash_after_the_disk_and_before_the_database_is_found_and_loses_nothing(monkeypatch):
    """The last write breaks: the lines stand in the file, the database doesn't know of them yet."""
    written(2)
    record(2)
    with monkeypatch.context() as patch:
        patch.setattr(services, "_know", broken)
        with pytest.raises(RuntimeError), transaction.atomic():
            services.write(now=NOW)
    assert len(journal().read_bytes().splitlines()) == 4
    assert JournalLine.objects.count() == 2
    assert reason() is None, "entries that this database holds are no restored backup"
    record(1)
    assert services.write(now=NOW) == 1
    assert not selectors.verify(journal()).fault
    assert JournalLine.objects.count() == 5


def broken(*_given, **_named):
    raise RuntimeError


def test_half_a_line_of_a_machine_that_stopped_goes_with_the_next_write():
    lines = written(2)
    record(1)
    journal().write_bytes(b"".join(lines) + b'{"at":"2023-10-05T09:0')
    assert reason() is None
    assert services.write(now=NOW) == 1
    assert not selectors.verify(journal()).fault
    assert journal().read_bytes().startswith(b"".join(lines))


def test_a_full_disk_is_told_and_loses_nothing(monkeypatch, caplog):
    record(1)
    with monkeypatch.context() as patch:
        patch.setattr(file, "append", full)
        assert services.write(now=NOW) == 0
    assert JournalState.objects.get().reason == Reason.UNREADABLE
    assert "can't be written" in caplog.text
    assert services.write(now=NOW) == 1
    assert JournalState.objects.get().reason == ""


def full(*_given):
    raise OSError(28, "No space left on device")


# --- the database was restored


def test_a_restored_database_is_older_than_its_journal_and_refuses_with_the_command():
    written(3)
    forget(keep=1)
    with pytest.raises(NotNow, match="manage.py journal replay"):
        selectors.check_in_step(now=NOW)
    assert not selectors.in_step(now=NOW)


def test_a_database_restored_from_before_the_first_line(monkeypatch):
    written(3)
    forget()
    assert reason() is Reason.BEHIND
    record(1)  # somebody withdraws meanwhile
    assert services.write(now=NOW) == 0, "nothing is added to a file that is ahead"
    assert len(journal().read_bytes().splitlines()) == 3
    assert reason() is Reason.BEHIND


# --- the file was harmed


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda lines: b"".join(lines[:-1]), Reason.TRUNCATED),
        (lambda lines: b"".join(lines)[:-9], Reason.TRUNCATED),
        (lambda lines: b"", Reason.TRUNCATED),
        (lambda lines: b"".join(lines[:-1]) + lines[-1].replace(b"CODE2", b"CODE7"), Reason.DAMAGED),
        (lambda lines: b"".join(lines) + b"nonsense\n", Reason.DAMAGED),
        (lambda lines: b"".join(lines) + lines[-1], None),
    ],
)
def test_a_journal_cut_short_or_changed_stops_sending(harm, found):
    lines = written(3)
    journal().write_bytes(harm(lines))
    assert reason() is found
    verdict = selectors.verify(journal())
    assert verdict.fault
    if found:
        with pytest.raises(NotNow, match=r"manage\.py journal"):
            selectors.check_in_step(now=NOW)
        before = journal().read_bytes()
        record(1)
        assert services.write(now=NOW) == 0
        assert journal().read_bytes() == before, "nothing is guessed"


def test_verify_names_the_changed_line_and_the_commands():
    lines = written(4)
    journal().write_bytes(lines[0] + lines[1].replace(b"CODE1", b"CODE9") + b"".join(lines[2:]))
    assert reason() is None, "its end is whole"
    fault = selectors.verify(journal()).fault
    assert "Line 2" in fault
    assert "manage.py journal" in fault


def test_verify_names_lines_that_are_gone_swapped_or_written_under_another_key(settings):
    lines = written(4)
    for harmed in ([lines[0], *lines[2:]], [lines[0], lines[2], lines[1], lines[3]]):
        journal().write_bytes(b"".join(harmed))
        assert "Line 2" in selectors.verify(journal()).fault
    journal().write_bytes(b"".join(lines))
    settings.SERVICE_KEY = os.urandom(32)
    assert "Line 1" in selectors.verify(journal()).fault
    assert reason() is Reason.DAMAGED


def test_another_databases_journal_is_not_taken_for_ours():
    """As long, under the same key, and yet another one."""
    written(2)
    with lifted():
        JournalLine.objects.all().delete()
        JournalEntry.objects.all().delete()
    other = journal().read_bytes()
    journal().unlink()
    record(2)
    services.write(now=NOW)
    journal().write_bytes(other)
    assert reason() is Reason.FOREIGN


def test_a_lost_file_is_told():
    written(1)
    journal().unlink()
    with pytest.raises(NotNow, match="gone.*rebuild"):
        selectors.check_in_step(now=NOW)


def test_a_folder_in_its_place_is_told():
    written(1)
    journal().unlink()
    journal().mkdir()
    assert reason() is Reason.UNREADABLE


# --- the file anew


@pytest.mark.parametrize("left", [0, 1, 2])
def test_rebuild_writes_the_same_lines_from_the_database_and_keeps_the_harmed_file(left):
    lines = written(3)
    record(1)
    harmed = b"".join(lines[:left]) + b"{half"
    journal().write_bytes(harmed)
    assert services.rebuild(by=OPERATOR, now=NOW) == 3
    assert journal().read_bytes() == b"".join(lines)
    (kept,) = journal().parent.glob("journal.jsonl.2023*")
    assert kept.read_bytes() == harmed
    assert AuditEvent.objects.get(verb="journal.rebuilt").detail == {"lines": 3}
    assert services.write(now=NOW) == 1
    assert not selectors.verify(journal()).fault


def test_rebuild_of_a_lost_file():
    lines = written(2)
    journal().unlink()
    services.rebuild(by=OPERATOR, now=NOW)
    assert journal().read_bytes() == b"".join(lines)
    assert stat.S_IMODE(journal().stat().st_mode) == 0o600


def test_rebuild_never_throws_away_what_only_the_file_knows():
    lines = written(3)
    forget(keep=1)
    with pytest.raises(NotNow, match="2 lines that the database doesn't know"):
        services.rebuild(by=OPERATOR, now=NOW)
    assert journal().read_bytes() == b"".join(lines)


def test_rebuild_refuses_a_database_that_was_changed():
    written(2)
    journal().unlink()
    with lifted():
        JournalEntry.objects.filter(code="CODE1").update(code="CODE9")
    with pytest.raises(Damaged, match="line 2 was changed"):
        services.rebuild(by=OPERATOR, now=NOW)
    assert not journal().exists()


# --- what the worker notes, and the clock


def test_out_of_step_is_audited_once_logged_once_and_told_when_it_is_over(caplog):
    lines = written(2)
    journal().unlink()
    for minute in range(3):
        services.write(now=NOW + timedelta(minutes=minute))
    told = AuditEvent.objects.filter(verb="journal.out_of_step")
    assert [event.detail for event in told] == [{"reason": "missing"}]
    assert caplog.text.count("gone") == 1
    journal().write_bytes(b"".join(lines))
    services.write(now=NOW + timedelta(minutes=4))
    assert AuditEvent.objects.filter(verb="journal.in_step").count() == 1


def test_a_process_without_the_file_believes_what_the_worker_noted(settings):
    where = settings.JOURNAL_FILE
    written(2)
    settings.JOURNAL_FILE = ""
    assert reason() is None
    late = selectors.compare(now=NOW + NOTED_HOLDS + timedelta(seconds=1))
    assert late.reason is Reason.UNSEEN, "a restored database brings an old note"
    settings.JOURNAL_FILE = where
    forget()
    services.write(now=NOW)
    settings.JOURNAL_FILE = ""
    assert reason() is Reason.BEHIND


def test_a_clock_set_back_is_refused_until_it_is_right():
    written(1)
    selectors.check_in_step(now=NOW - timedelta(minutes=4))
    with pytest.raises(NotNow, match="clock was set back"):
        selectors.check_in_step(now=NOW - timedelta(minutes=6))
    record(1, now=NOW - timedelta(days=1))
    assert services.write(now=NOW - timedelta(days=1)) == 1, "withdrawals are kept at any hour"
    assert selectors.compare(now=NOW - timedelta(days=1)).reason is Reason.CLOCK, (
        "the wrong time is not taken over"
    )
    assert AuditEvent.objects.filter(verb="journal.out_of_step", detail={"reason": "clock"}).count() == 1
    selectors.check_in_step(now=NOW)


def test_after_a_clock_ran_ahead_a_person_says_that_the_time_is_right():
    written(1)
    services.write(now=NOW + timedelta(days=900))
    assert reason() is Reason.CLOCK
    services.accept_clock(by=OPERATOR, now=NOW)
    assert reason() is None
    assert AuditEvent.objects.filter(verb="journal.clock_accepted").exists()


def test_every_reason_says_what_to_do():
    assert set(SENTENCES) == set(Reason)
    for sentence in SENTENCES.values():
        assert "`manage.py journal " in str(sentence)
