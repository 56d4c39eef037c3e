"""CRY-06: at night what is due is erased, then old copies of its keys die; killed at any step, the next run ends it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections, transaction

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.journal import services as journal
from panel.journal.models import JournalEntry
from panel.keys import rotation
from panel.keys import services as keys
from panel.keys.models import DataKey
from panel.keys.providers import provider
from panel.members.models import PanelMember
from panel.rights import erasure, tasks
from panel.rights.models import Stop
from panel.rights.rules import WAIT, State
from panel.rights.services import ask_stop, undo_stop
from panel.vault import services as vault
from panel.vault.models import Card
from tests.factories import answering
from tests.factories.answering import NOW, SYSTEM

DUE = NOW + WAIT


def leave(member: PanelMember, **changes: Any) -> Stop:
    return ask_stop(
        by=Actor.member(member.code), member=member, rung="leave_delete", channel="stop page", typed_word="SLETT",
        **{"now": NOW, **changes},
    )  # fmt: skip


def opens(member: PanelMember) -> bool:
    return member.code in vault.open_cards([member.code], by=SYSTEM, reason="test", now=NOW, study="everyday")


def versions() -> list[int]:
    return sorted(provider().ring().made_on)


@pytest.mark.django_db
def test_cry_06_a_night_erases_rotates_and_destroys_the_old_version(answered):
    leave(answered.amal, waive=True)
    assert erasure.nightly(now=NOW) == erasure.Night(erased=1, rotated_to=2)
    assert versions() == [2]
    assert set(DataKey.objects.values_list("kek_version", flat=True)) == {2}
    assert opens(answered.other)
    assert AuditEvent.objects.filter(verb="keys.rotated", actor="erasure").count() == 1


@pytest.mark.django_db
def test_cry_06_a_key_is_rotated_only_if_one_was_destroyed_since(answered):
    assert erasure.nightly(now=NOW) == erasure.Night(0, None)
    leave(answered.amal)
    assert erasure.nightly(now=NOW) == erasure.Night(0, None), "asked for is not carried out"
    assert erasure.erase_due(now=DUE) == 1  # by the tick, in the course of the day
    assert erasure.nightly(now=DUE) == erasure.Night(0, 2)
    assert erasure.nightly(now=DUE) == erasure.Night(0, None)
    assert versions() == [2]


@pytest.mark.django_db
def test_law_06_the_wait_is_kept_by_the_night_too(answered):
    leave(answered.amal)
    assert erasure.nightly(now=DUE - timedelta(seconds=1)).erased == 0
    assert erasure.nightly(now=DUE).erased == 1


@pytest.mark.django_db
def test_more_than_one_run_takes_are_all_erased_in_a_night(answered, monkeypatch):
    monkeypatch.setattr(erasure, "LIMIT", 1)
    leave(answered.amal, waive=True)
    leave(answered.other, waive=True)
    assert erasure.nightly(now=NOW).erased == 2


@pytest.mark.django_db
def test_by_a_clock_set_back_nothing_is_erased(answered):
    journal.write(now=DUE)
    leave(answered.amal, waive=True)
    assert erasure.erase_due(now=NOW) == 0
    with pytest.raises(NotNow, match="clock was set back"):
        erasure.nightly(now=NOW)
    assert Card.objects.count() == 2


@pytest.mark.django_db
def test_a_damaged_key_keeps_the_night_trying_and_is_told(answered, caplog):
    leave(answered.amal, waive=True)
    erasure.erase_due(now=NOW)
    whole = bytes(DataKey.objects.get().wrapped)
    DataKey.objects.update(wrapped=whole[:-1] + bytes([whole[-1] ^ 1]))
    erasure.nightly(now=NOW)
    assert "keys verify" in caplog.text
    assert len(versions()) == 2
    DataKey.objects.update(wrapped=whole)
    assert erasure.nightly(now=NOW).rotated_to == 3
    assert versions() == [3]


@pytest.mark.django_db
def test_the_task_is_a_shell(answered, monkeypatch):
    leave(answered.amal, waive=True)
    monkeypatch.setattr("panel.clock.now", lambda: NOW)
    tasks.nightly()
    assert versions() == [2]


# --- killed at each step


def after(owner: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """The process dies right after this call has done its work."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)

        def dies(*given, **named):
            original(*given, **named)
            raise KeyboardInterrupt

        monkeypatch.setattr(owner, name, dies)

    return patch


def before(owner: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        def dies(*given, **named):
            raise KeyboardInterrupt

        monkeypatch.setattr(owner, name, dies)

    return patch


STEPS = {
    "before the card goes": before(vault, "destroy_cards"),
    "the card is gone, its key is there": before(keys, "destroy_data_keys"),
    "card and key are gone, the member is there": after(vault, "destroy_cards"),
    "the member is half gone": before(erasure.audit, "record"),
    "all was written, nothing committed": after(journal, "record"),
    "erased, no new version yet": before(rotation, "add_version"),
    "a new version, nothing re-wrapped": after(rotation, "add_version"),
    "roots re-wrapped, keys not": before(rotation, "_rewrap_chunk"),
    "all re-wrapped, the old version is there": before(rotation, "destroy_old"),
    "the old version destroyed, nothing noted": after(rotation, "destroy_old"),
    "rotated, not noted": before(journal, "note_dead"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", STEPS)
def test_cry_06_killed_at_any_step_the_next_night_finishes(answered_for_good, monkeypatch, step):
    field = answered_for_good
    stop = leave(field.amal, waive=True)
    kek = Path(django_settings.KEK_FILE).read_bytes()
    wrapped = {bytes(row.locator): (row.kek_version, bytes(row.wrapped)) for row in DataKey.objects.all()}
    with monkeypatch.context() as patch:
        STEPS[step](patch)
        with pytest.raises(KeyboardInterrupt):
            erasure.nightly(now=NOW)
    assert opens(field.other), "a survivor's card opens at every moment"
    assert Stop.objects.get(pk=stop.pk).state in (State.IN_FORCE, State.DONE)
    if PanelMember.objects.filter(pk=field.amal.pk).exists():
        assert Stop.objects.get(pk=stop.pk).state == State.IN_FORCE, (
            "the request stands while anything is left"
        )

    erasure.nightly(now=NOW)
    assert not PanelMember.objects.filter(pk=field.amal.pk).exists()
    assert (Card.objects.count(), DataKey.objects.count()) == (1, 1)
    assert JournalEntry.objects.filter(kind="stop_done").count() == 1
    assert opens(field.other)
    assert len(versions()) == 1
    old = min(version for version, _ in wrapped.values())
    assert old not in versions(), "no key of yesterday's copy opens any more"
    assert Path(django_settings.KEK_FILE).read_bytes() != kek
    assert erasure.nightly(now=NOW) == erasure.Night(0, None)


@pytest.fixture
def answered_for_good(transactional_db):
    made = answering.in_field()
    answering.with_cards(made.amal, made.other)
    return made


# --- at the same moment


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Runs it beside us; what it raised is in the list."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the test looks at whatever it was
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["waive", "undo", "another rung", "pause"])
def test_an_erasure_and_the_members_own_act_never_wait_for_each_other(answered_for_good, monkeypatch, act):
    """The act comes while the card is being destroyed. In another order of locks PostgreSQL ends one of the two."""
    field = answered_for_good
    ask_stop(by=Actor.member(field.amal.code), member=field.amal, rung="pause", channel="stop page",
             until=(NOW + timedelta(days=40)).date(), now=NOW)  # fmt: skip
    stop = leave(field.amal)
    by, destroy = Actor.member(field.amal.code), vault.destroy_cards
    started: list[tuple[threading.Thread, list[BaseException]]] = []
    acts: dict[str, Callable[[], object]] = {
        "waive": lambda: leave(field.amal, waive=True),
        "undo": lambda: undo_stop(by=by, stop=stop, now=NOW),
        "another rung": lambda: ask_stop(by=by, member=field.amal, rung="no_mail", channel="stop page", now=NOW),
        "pause": lambda: ask_stop(by=by, member=field.amal, rung="pause", channel="stop page",
                                  until=(NOW + timedelta(days=50)).date(), now=NOW),
    }  # fmt: skip

    def meanwhile(codes):
        if not started:
            started.append(in_thread(acts[act]))
            started[0][0].join(timeout=0.5)  # it has begun and waits, or was refused
        return destroy(codes)

    monkeypatch.setattr(vault, "destroy_cards", meanwhile)
    assert erasure.erase_due(now=DUE) == 1
    ((thread, raised),) = started
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert not PanelMember.objects.filter(pk=field.amal.pk).exists()
    assert all(isinstance(error, NotNow) for error in raised), raised
    assert Stop.objects.exclude(state=State.DONE).count() == 0


@pytest.mark.django_db(transaction=True)
def test_asking_undoing_and_erasing_all_at_once_end_in_one_state(answered_for_good):
    """Many rounds of three at a time: no deadlock, no half state."""
    field = answered_for_good
    by = Actor.member(field.other.code)
    for number in range(12):
        stop = leave(field.other)
        threads = [
            in_thread(lambda: leave(field.other, waive=True)),
            in_thread(partial(undo_stop, by=by, stop=stop, now=NOW)),
            in_thread(lambda: erasure.erase_due(now=NOW)),
        ]
        for thread, _raised in threads:
            thread.join(timeout=60)
        raised = [error for _thread, errors in threads for error in errors]
        assert all(isinstance(error, NotNow) for error in raised), (number, raised)
        erasure.erase_due(now=DUE)
        if not PanelMember.objects.filter(pk=field.other.pk).exists():
            break
    standing = Stop.objects.filter(code=field.other.code, state=State.IN_FORCE)
    member = PanelMember.objects.filter(pk=field.other.pk).first()
    assert not standing.exists()
    assert member is None or member.status == "active"
    assert Card.objects.count() == (1 if member is None else 2)


@pytest.mark.django_db(transaction=True)
def test_a_stop_and_its_journal_entry_are_kept_together_or_not_at_all(answered_for_good, monkeypatch):
    """The last write breaks: no stop, no withdrawal, no entry."""

    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr("panel.rights.services.journal.record", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        leave(answered_for_good.amal)
    assert not Stop.objects.exists()
    assert PanelMember.objects.get(pk=answered_for_good.amal.pk).status == "active"
    assert not JournalEntry.objects.exists()
