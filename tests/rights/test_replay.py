"""CRY-11, LAW-07: after a restored backup the journal is replayed; until then nothing is sent, erased or released.

"Restored" is here a rolled-back savepoint: everything a test does in `lost()` is gone from `default` and `vault`
afterwards, and stands in the journal's file. The drill with real dumps is test_restore.py.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import transaction

from consent import selectors as consents
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged, NotNow
from panel.invitations import sending
from panel.invitations import services as outbox
from panel.invitations.models import Outgoing
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.journal.models import JournalEntry, JournalLine, JournalState
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.releases import services as releases
from panel.rights import erasure, replay
from panel.rights.models import Stop
from panel.rights.replay import APPLY
from panel.rights.rules import WAIT, State
from panel.rights.services import ask_stop, undo_stop
from panel.vault import services as vault
from panel.vault import suppression
from panel.vault.models import Card, Suppressed
from panel.waves.models import Case, CaseEvent
from tests.factories import cast, recruits
from tests.factories import fielding as f
from tests.factories.answering import NOW, SYSTEM

pytestmark = pytest.mark.django_db
OPERATOR = Actor.system("operator")
LATER = NOW + timedelta(days=1)
DUE = NOW + WAIT


@contextmanager
def lost(*also: str) -> Iterator[None]:
    """What happens inside is written to the journal, and lost with the databases."""
    with ExitStack() as stack:
        for alias in ("default", "vault", *also):
            stack.enter_context(transaction.atomic(using=alias))
        yield
        journal.write(now=NOW)
        for alias in ("default", "vault", *also):
            transaction.set_rollback(True, using=alias)


def replayed(**options: Any) -> replay.Replayed:
    return replay.replay(by=OPERATOR, now=LATER, **options)


def stop(member: PanelMember, rung: str = "leave_delete", **changes: Any) -> Stop:
    return ask_stop(
        by=Actor.member(member.code), member=member, rung=rung, channel="stop page", typed_word="SLETT",
        **{"now": NOW, **changes},
    )  # fmt: skip


def again(member: PanelMember) -> PanelMember:
    return PanelMember.objects.get(pk=member.pk)


def agrees(field, member: PanelMember) -> bool:
    held = consents.holding(study_key=field.study.key, subjects={member.code}, purpose="waves")
    return member.code in held


def opens(member: PanelMember) -> bool:
    found = vault.open_cards([member.code], by=SYSTEM, reason="test", now=NOW, study="everyday")
    return member.code in found


def file() -> Path:
    return Path(django_settings.JOURNAL_FILE)


# --- nothing happens before it


def test_cry_11_nothing_is_sent_erased_released_or_enrolled_before_the_replay(answered):
    outbox.queue_due(now=NOW)
    stop(answered.other, waive=True)
    with lost():
        stop(answered.amal, "no_mail")
    assert list(outbox.dispatch(now=LATER)) == []
    assert erasure.erase_due(now=LATER) == 0
    with pytest.raises(NotNow, match="journal replay"):
        erasure.nightly(now=LATER)
    with pytest.raises(NotNow, match="journal replay"):
        releases.ask(by=SYSTEM, study=answered.study, wave=answered.wave, product="microdata", now=LATER)
    with pytest.raises(NotNow, match="journal replay"):
        cast.enrolment.enrol(by=SYSTEM, study=answered.study, data=b"", suffix=".csv", now=LATER)
    with pytest.raises(NotNow, match="journal replay"):
        cast.enrolment.sweep_orphans(by=SYSTEM, now=LATER)
    replayed()
    assert erasure.erase_due(now=LATER) == 1


def test_cry_11_letters_claimed_when_it_was_found_wait_and_say_why(db):
    livet = f.with_letters(f.study())
    people = f.people(livet, 2)
    f.opened(livet)
    outbox.queue_due(now=f.NOON)
    claims = list(outbox.dispatch(now=f.NOON))
    with lost():
        stop(people[0], "no_mail", now=f.NOON)
    assert [sending.make_ready(claim=one.claim, now=f.NOON) for one in claims] == [[]]
    assert set(Outgoing.objects.values_list("state", "reason")) == {("deferred", "out_of_step")}
    replay.replay(by=OPERATOR, now=f.NOON)
    ready = [
        sending.make_ready(claim=c.claim, now=f.NOON)
        for c in outbox.dispatch(now=f.NOON + timedelta(minutes=5))
    ]
    assert [letter.row.member for (letter,) in ready] == [people[1]]
    assert Outgoing.objects.get(member=people[0]).reason == "stopped"


def test_members_can_withdraw_while_out_of_step_and_undo_later(field):
    with lost():
        stop(field.other, "no_mail")
    stop(field.amal, "leave_keep", now=LATER)
    assert again(field.amal).status == "left"
    with pytest.raises(NotNow, match="try again tomorrow"):
        undo_stop(by=Actor.member(field.amal.code), stop=Stop.objects.get(code=field.amal.code), now=LATER)
    replayed()
    undo_stop(by=Actor.member(field.amal.code), stop=Stop.objects.get(code=field.amal.code), now=LATER)
    assert again(field.amal).status == "active"


# --- each kind is done again


def test_law_07_who_left_stays_away_and_the_ledger_says_since_when(field):
    with lost():
        gone = stop(field.amal, "leave_keep")
    assert again(field.amal).status == "active"
    done = replayed()
    assert (done.applied, done.lost) == (1, 0)
    assert again(field.amal).status == "left"
    assert not agrees(field, field.amal)
    assert agrees(field, field.other)
    made = Stop.objects.get()
    assert (made.pk, made.asked_at, made.due_at, made.rung) == (
        gone.pk,
        gone.asked_at,
        gone.due_at,
        "leave_keep",
    )
    assert sorted(made.withdrawn) == sorted(gone.withdrawn)
    assert consents.history(study_key=field.study.key, subject=field.amal.code).last().day == date(
        2023, 10, 5
    )
    assert CaseEvent.objects.filter(case=field.case(), kind=CaseEvent.Kind.WITHDREW).exists()
    assert AuditEvent.objects.filter(verb="stop.replayed", subject=field.amal.code).count() == 1
    assert not journal_state.verify(file()).fault
    assert journal_state.in_step(now=LATER)


@pytest.mark.parametrize(
    ("rung", "changes", "left"),
    [
        ("pause", {"until": date(2023, 12, 1)}, {"paused_until": date(2023, 12, 1)}),
        ("no_mail", {}, {"mail_stopped": True}),
        ("leave_delete", {}, {"status": "deleting"}),
    ],
)
def test_each_rung_stands_again(field, rung, changes, left):
    with lost():
        stop(field.amal, rung, **changes)
    replayed()
    member = again(field.amal)
    assert {name: getattr(member, name) for name in left} == left


def test_no_more_reminders_stands_again_for_its_wave(field):
    with lost():
        stop(field.amal, "no_reminders", case=field.case())
    replayed()
    assert Stop.objects.get().case == field.case()
    assert CaseEvent.objects.filter(case=field.case(), kind=CaseEvent.Kind.REFUSED).exists()


def test_what_was_undone_stays_undone_and_is_not_carried_out(field):
    gone = stop(field.amal)
    with lost():
        undo_stop(by=Actor.member(field.amal.code), stop=gone, now=NOW)
    assert again(field.amal).status == "deleting"
    assert erasure.erase_due(now=DUE) == 0, "not before the journal was replayed"
    replayed()
    assert again(field.amal).status == "active"
    assert agrees(field, field.amal)
    assert erasure.erase_due(now=DUE) == 0
    assert opens(field.amal)


def test_asked_and_undone_after_the_backup(field):
    with lost():
        undo_stop(by=Actor.member(field.amal.code), stop=stop(field.amal), now=NOW)
    assert replayed().applied == 2
    assert (again(field.amal).status, agrees(field, field.amal)) == ("active", True)


def test_a_waived_wait_is_waived_again(field):
    stop(field.amal)
    with lost():
        stop(field.amal, waive=True)
    replayed()
    assert erasure.erase_due(now=LATER) == 1


def test_cry_11_the_erased_are_erased_again_card_answers_and_links(answered):
    with lost():
        stop(answered.amal, waive=True)
        assert erasure.erase_due(now=NOW) == 1
    assert Card.objects.count() == 2, "the vault is of yesterday too"
    with pytest.raises(Damaged):
        opens(answered.amal)  # its key is gone: keystore and KEK are today's
    replayed()
    assert not PanelMember.objects.filter(pk=answered.amal.pk).exists()
    assert Card.objects.count() == 1
    assert opens(answered.other)
    assert Case.objects.filter(member=answered.other).exists()
    made = Stop.objects.get()
    assert (made.state, made.member, made.code) == (State.DONE, None, answered.amal.code)
    assert JournalEntry.objects.filter(kind="stop_done").count() == 1, (
        "what was replayed is not journaled anew"
    )


def test_who_left_and_was_carried_out_keeps_the_answers_only(answered):
    with lost():
        stop(answered.amal, "leave_keep")
        erasure.erase_due(now=DUE)
    replayed()
    assert again(answered.amal).status == "left"
    assert Stop.objects.get().state == State.DONE
    assert Card.objects.count() == 1


def test_a_restored_vault_alone_loses_the_cards_of_the_erased_again(answered):
    """`default` is today's, so database and journal are in step; the cards are there, without keys."""
    with transaction.atomic(using="vault"):
        stop(answered.amal, waive=True)
        erasure.erase_due(now=NOW)
        journal.write(now=NOW)
        transaction.set_rollback(True, using="vault")
    assert Card.objects.count() == 2
    assert replayed().erased_again == 1
    assert Card.objects.count() == 1


def test_cry_06_after_a_replay_the_next_night_rotates(answered, monkeypatch):
    with lost():
        stop(answered.amal, waive=True)
        erasure.erase_due(now=NOW)
    replayed()
    assert erasure.nightly(now=LATER).rotated_to == 2
    assert opens(answered.other)


def test_withdrawn_and_objected_purposes_stay_so(field):
    with lost():
        slug, no = field.study.slug, {"purposes": ["waves"], "channel": "stop page"}
        journal.record(kind=journal.Kind.WITHDRAWN, study=slug, code=field.amal.code, payload=no, now=NOW)
        journal.record(kind=journal.Kind.OBJECTED, study=slug, code=field.other.code, payload=no, now=NOW)
    assert agrees(field, field.amal)
    replayed()
    assert not agrees(field, field.amal)
    assert not agrees(field, field.other)
    last = consents.history(study_key=field.study.key, subject=field.other.code).last()
    assert (last.action, last.channel) == ("objected", "stop page")


def test_law_10_who_was_restricted_stays_restricted_and_let_go_stays_let_go(field):
    other = members.hold(by=SYSTEM, member=field.other, kind="restriction", reason="asked", now=NOW)
    with lost():
        members.hold(by=SYSTEM, member=field.amal, kind="restriction", reason="asked", now=NOW)
        members.lift(by=SYSTEM, held=other, now=NOW)
    replayed()
    assert [hold.member for hold in Hold.objects.filter(lifted_at=None)] == [field.amal]


def test_a_hold_for_new_consent_is_lost_with_its_run(field):
    """Held by the journal alone, nobody could lift it; a no to the new words is journaled by itself."""
    before = members.hold(by=SYSTEM, member=field.other, kind="reconsent", reason="new words", now=NOW)
    with lost():
        members.hold(by=SYSTEM, member=field.amal, kind="reconsent", reason="new words", now=NOW)
        members.lift(by=SYSTEM, held=before, now=NOW)
    assert replayed().applied == 0
    assert [hold.member for hold in Hold.objects.filter(lifted_at=None)] == [field.other]


def test_law_13_suppressed_addresses_stay_suppressed(field):
    with lost():
        stop(field.amal, "leave_delete", waive=True, never_again=True)
        erasure.erase_due(now=NOW)
    assert not Suppressed.objects.exists()
    replayed()
    assert suppression.found(field.study.key, ["uk@example.org", "nb@example.org"]) == {"uk@example.org"}
    assert "example.org" not in file().read_text()


def test_law_09_no_letter_goes_to_an_address_that_was_changed_since(field):
    with lost():
        journal.record(
            kind=journal.Kind.ADDRESS_CHANGED, study=field.study.slug, code=field.amal.code, now=NOW
        )
    replayed()
    assert again(field.amal).unreachable
    assert AuditEvent.objects.filter(verb="address.lost", subject=field.amal.code).exists()


def test_no_04_a_study_that_ended_stays_ended_and_its_suppressed_addresses_gone(field):
    suppression.add(field.study.key, ["uk@example.org"])
    with lost():
        type(field.study).objects.update(ended_at=NOW)
        journal.record(kind=journal.Kind.STUDY_ENDED, study=field.study.slug, now=NOW)
        suppression.destroy(field.study.key)
    assert Suppressed.objects.exists()
    replayed()
    field.study.refresh_from_db()
    assert field.study.ended_at == NOW
    assert not Suppressed.objects.exists()
    assert replayed().applied == 0


def test_members_enrolled_after_the_backup_are_reported_by_count(db):
    study = cast.study()
    cast.people(study, 2)
    with lost():
        new = cast.people(study, 3, start=7)
        stop(new[0], "no_mail", now=cast.NOW)
    done = replay.replay(by=OPERATOR, now=cast.NOW)
    assert (done.lost_members, done.lost_runs, done.lost) == (3, 1, 2)
    told = AuditEvent.objects.get(verb="journal.replayed").detail
    assert told["lost_members"] == 3
    assert PanelMember.objects.count() == 2


@pytest.mark.parametrize(
    ("rung", "waive"), [("leave_delete", True), ("leave_delete", False), ("leave_keep", False)]
)
def test_law_07_who_left_after_the_backup_is_not_brought_back_by_enrolling_the_lost_file_again(
    db, rung, waive
):
    """The replay says to enrol lost files again: new codes, but the same people."""
    study = cast.study()
    cast.people(study, 1)
    with lost():
        left, back, stays = cast.people(study, 3, start=7)
        stop(left, rung, waive=waive, now=cast.NOW)
        undo_stop(by=Actor.member(back.code), stop=stop(back, rung, now=cast.NOW), now=cast.NOW)
        erasure.erase_due(now=cast.NOW)
    replay.replay(by=OPERATOR, now=cast.NOW)
    file_again = [recruits.row(n) for n in (7, 8, 9)]
    assert cast.enrol(study, *file_again).outcome == {"enrolled": 2, "erased": 1}
    assert not {left.code, back.code, stays.code} & set(study.members.values_list("code", flat=True))


def test_every_kind_of_entry_can_be_replayed():
    assert set(APPLY) == set(JournalEntry.Kind)


# --- idempotent and resumable


def full_life(field) -> None:
    stop(field.amal, "pause", until=date(2023, 12, 1))
    stop(field.amal, "no_mail")
    undo_stop(by=Actor.member(field.amal.code), stop=Stop.objects.get(rung="pause"), now=NOW)
    stop(field.amal, "leave_delete", waive=True)
    stop(field.other, "leave_keep")
    erasure.erase_due(now=NOW)


def state() -> tuple[object, ...]:
    return (
        set(PanelMember.objects.values_list("code", "status", "mail_stopped", "paused_until")),
        set(Stop.objects.values_list("pk", "code", "rung", "state")),
        Card.objects.count(),
    )


def test_a_second_replay_changes_nothing(answered):
    with lost():
        full_life(answered)
        wanted = state()
    assert replayed().applied == 6
    assert state() == wanted
    second = replayed()
    assert (second.applied, second.stood, second.lost) == (0, 0, 0)
    assert state() == wanted


@pytest.mark.parametrize("at", range(6))
def test_killed_at_any_line_the_next_run_goes_on(answered, monkeypatch, at):
    with lost():
        full_life(answered)
        wanted = state()
    adopt, calls = journal.adopt, []

    def killed(line, **given):
        calls.append(line)
        if len(calls) > at:
            raise KeyboardInterrupt
        adopt(line, **given)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "adopt", killed)
        with pytest.raises(KeyboardInterrupt):
            replayed()
    assert JournalLine.objects.count() == at
    assert not journal_state.in_step(now=LATER), "nothing is sent in between"
    replayed()
    assert state() == wanted
    assert not journal_state.verify(file()).fault


def test_what_a_member_chose_after_the_restore_is_later_than_the_file(field):
    with lost():
        stop(field.amal, "pause", until=date(2023, 12, 1))
        stop(field.amal, "leave_delete")
    stop(field.amal, "pause", until=date(2024, 2, 1), now=LATER)
    replayed()
    member = again(field.amal)
    assert member.paused_until == date(2024, 2, 1)
    assert member.status == "deleting", "another rung is not taken back by it"
    assert journal_state.verify(file()).in_file == 3
    assert not journal_state.waiting().exists()


def test_the_same_asked_again_after_the_restore_stands_once_with_the_sooner_end(field):
    with lost():
        stop(field.amal, "leave_delete", waive=True)
    stop(field.amal, "leave_delete", now=LATER)
    replayed()
    assert Stop.objects.filter(state=State.IN_FORCE).count() == 1


# --- a damaged journal


def test_a_replay_stops_at_a_damaged_line_and_goes_on_past_it_when_told(answered):
    with lost():
        stop(answered.amal, "no_mail")
        journal.write(now=NOW)
        stop(answered.other, "pause", until=date(2023, 12, 1))
        journal.write(now=NOW)
        stop(answered.other, "leave_keep")
    lines = file().read_bytes().splitlines(keepends=True)
    file().write_bytes(lines[0] + lines[1].replace(b"2023-12-01", b"2023-12-02") + lines[2])
    with pytest.raises(Damaged, match="Line 2.*--past-damage"):
        replayed()
    assert not again(answered.amal).mail_stopped, "nothing of a damaged file is done before a person says so"
    replayed(past_damage=True)
    assert again(answered.amal).mail_stopped
    assert again(answered.other).status == "left"
    assert again(answered.other).paused_until is None
    assert journal_state.compare(now=LATER).reason is not None, "the file is still damaged"
    journal.rebuild(by=OPERATOR, now=LATER)
    journal.write(now=LATER)
    assert journal_state.in_step(now=LATER)
    assert not journal_state.verify(file()).fault
    assert journal_state.verify(file()).in_file == 2


def test_a_replay_under_another_key_does_nothing(field, settings):
    with lost():
        stop(field.amal, "no_mail")
    settings.SERVICE_KEY = os.urandom(32)
    with pytest.raises(Damaged, match="Line 1"):
        replayed()
    assert not again(field.amal).mail_stopped


# --- the command


def run(*words: str) -> dict[str, object]:
    out = Path(django_settings.RUN_DIR, "journal.out")
    with out.open("w") as told:
        call_command("journal", *words, "--json", stdout=told)
    return dict(json.loads(out.read_text()))


@pytest.fixture
def at_that_time(monkeypatch):
    monkeypatch.setattr("panel.clock.now", lambda: LATER)


def test_the_command_tells_replays_and_verifies(field, at_that_time):
    with lost():
        stop(field.amal, "no_mail")
    with pytest.raises(CommandError, match="journal replay"):
        run("status")
    assert run("replay")["applied"] == 1
    assert again(field.amal).mail_stopped
    assert run("status") == {
        "in_step": True, "reason": None, "in_file": 1, "in_database": 1, "waiting": 0, "oldest_waiting": None,
    }  # fmt: skip
    assert run("verify")["fault"] == ""
    file().unlink()
    with pytest.raises(CommandError, match="There is no file"):
        run("verify")
    assert run("rebuild") == {"lines": 1}
    JournalState.objects.update(seen_at=LATER + timedelta(days=9))
    with pytest.raises(CommandError, match="clock"):
        run("status")
    run("accept-clock")
    assert run("status")["in_step"]


def test_past_damage_goes_with_replay_only(db):
    with pytest.raises(CommandError, match="replay only"):
        call_command("journal", "verify", "--past-damage")
