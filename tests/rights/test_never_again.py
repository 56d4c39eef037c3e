"""Never contact again, asked for with leaving or told to staff, and carried out by the worker (LAW-13)."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake, suppression
from panel.errors import BadInput, NotAllowed
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.journal.models import JournalEntry
from panel.members.models import PanelMember
from panel.rights import addresses, services
from panel.rights.address_rules import TIME_TO_STOP
from panel.rights.erasure import erase_due
from panel.rights.models import Stop
from panel.rights.never_again import suppress_member
from panel.vault.models import Card, Suppressed
from tests.factories import cast, fielding
from tests.factories.fielding import NOON
from tests.factories.recruits import row

pytestmark = pytest.mark.django_db
NOW = cast.NOW
DUE = NOW + timedelta(days=14)
LATER = NOW + timedelta(days=15)


def leave(member, rung="leave_delete", *, now=NOW, **more):
    return services.ask_stop(
        by=Actor.member(member.code), member=member, rung=rung, channel="stop page", typed_word="DELETE",
        now=now, **more,
    )  # fmt: skip


@pytest.fixture
def study():
    return cast.study()


def another_file():
    """The same person, another row of another file."""
    return row(77, Fornavn="Amal", E_post="amal@example.org", Kjønn="Mann")


@pytest.mark.parametrize("rung", ["leave_keep", "leave_delete"])
def test_law_13_who_leaves_for_ever_is_not_brought_back_by_another_file(study, rung):
    leave(cast.amal(study), rung, never_again=True)
    assert not Suppressed.objects.exists()  # until then it can be taken back
    assert erase_due(now=DUE) == 1
    assert not Card.objects.exists()
    assert cast.enrol(study, another_file(), now=LATER).outcome == {"suppressed": 1}


@pytest.mark.parametrize("ticked_with", ["leave_keep", "leave_delete"])
def test_law_13_it_holds_with_whichever_of_two_stops_it_was_said(study, ticked_with):
    """Who left and then has everything deleted, too, is asked twice and may tick it once."""
    amal = cast.amal(study)
    leave(amal, "leave_keep", never_again=ticked_with == "leave_keep")
    waive = ticked_with == "leave_keep"  # else the first stop destroys the card while the second one waits
    later = NOW + timedelta(days=3)
    leave(amal, "leave_delete", now=later, never_again=ticked_with == "leave_delete", waive=waive)
    assert erase_due(now=later if waive else DUE) == 1
    assert not Card.objects.exists()
    assert cast.enrol(study, another_file(), now=LATER).outcome == {"suppressed": 1}


def test_without_the_tick_another_file_may_bring_who_agreed_anew(study):
    leave(cast.amal(study))
    erase_due(now=DUE)
    assert cast.enrol(study, another_file(), now=LATER).outcome == {"enrolled": 1}


def test_what_was_taken_back_suppresses_nobody(study):
    amal = cast.amal(study)
    stop = leave(amal, never_again=True)
    services.undo_stop(by=Actor.member(amal.code), stop=stop, now=NOW)
    erase_due(now=LATER)
    assert not Suppressed.objects.exists()


def test_it_goes_with_leaving_only(study):
    assert not leave(cast.amal(study), "no_mail", never_again=True).never_again


def test_asked_again_it_is_added_to_the_stop_that_stands(study):
    amal = cast.amal(study)
    first = leave(amal)
    second = leave(amal, never_again=True)
    assert first.pk == second.pk
    assert Stop.objects.get().never_again
    assert JournalEntry.objects.filter(kind="stop_asked").latest("id").payload["never_again"]
    assert leave(amal).never_again  # and a third time does not take it off


def test_the_journal_has_the_mark_and_no_code(study):
    leave(cast.amal(study), never_again=True)
    erase_due(now=DUE)
    entry = JournalEntry.objects.get(kind="suppressed")
    assert (entry.code, entry.payload) == ("", {"mark": bytes(Suppressed.objects.get().mark).hex()})


def test_a_damaged_card_holds_up_no_erasure_and_is_told(study):
    amal = cast.amal(study)
    leave(amal, never_again=True)
    Card.objects.update(email=b"damaged")
    assert erase_due(now=DUE) == 1
    assert not PanelMember.objects.filter(pk=amal.pk).exists()
    assert AuditEvent.objects.filter(verb="address.not_suppressed", subject=amal.code).exists()


def test_after_a_crash_at_the_last_write_the_next_run_still_knows_the_address(study, monkeypatch):
    """The card is gone by then, and its mark stands."""
    leave(cast.amal(study), never_again=True)
    whole = audit.record

    def broken(**event):
        if event["verb"] == "stop.carried_out":
            raise DatabaseError("broken")
        whole(**event)

    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", broken)
        assert erase_due(now=DUE) == 0
    assert erase_due(now=DUE) == 1
    assert suppression.suppressed(study, ["amal@example.org"])


def test_at_the_desk_for_who_stays_a_member(study):
    amal = cast.amal(study)
    suppress_member(by=cast.VERA, member=amal, reason="Phoned.", now=NOW)
    amal.refresh_from_db()
    assert amal.mail_stopped
    assert suppression.suppressed(study, ["amal@example.org"])
    assert AuditEvent.objects.get(verb="member.suppressed").detail == {"reason": "Phoned."}
    with pytest.raises(BadInput, match="reason"):
        suppress_member(by=cast.VERA, member=amal, reason=" ", now=NOW)
    for by in (cast.INES, cast.DAG, cast.TOR):
        with pytest.raises(NotAllowed):
            suppress_member(by=by, member=amal, reason="Phoned.", now=NOW)


# --- at a change of address


@pytest.fixture
def amal(mail_catcher):
    livet = fielding.with_letters(fielding.study())
    one, other = fielding.people(livet, 2)
    intake.ensure(today=NOON.date())
    suppression.suppress(by=cast.SYSTEM, member=other, now=NOON)
    return PanelMember.objects.select_related("study").get(pk=one.pk)


def test_law_13_no_letter_goes_to_a_suppressed_address_and_the_page_does_not_say_so(amal, mail_catcher):
    change = addresses.ask_change(by=Actor.member(amal.code), member=amal, address="M1@example.org", now=NOON)
    fielding.send_all(NOON)
    assert [letter["To"] for letter in mail_catcher.letters()] == ["m0@example.org"]
    letter = Outgoing.objects.get(kind=LetterKind.CONFIRM_ADDRESS)
    assert (letter.state, letter.reason) == (State.CANCELLED, Reason.SUPPRESSED)
    assert addresses.waiting_change(amal, now=NOON) == change


def test_law_13_an_address_suppressed_meanwhile_does_not_get_into_the_card(amal):
    (third,) = fielding.people(amal.study, start=2)
    change = addresses.ask_change(by=Actor.member(amal.code), member=amal, address="m2@example.org", now=NOON)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(amal.code), change=change, now=NOON)
    suppression.suppress(by=cast.SYSTEM, member=third, now=NOON)
    assert addresses.apply_confirmed(now=NOON + TIME_TO_STOP) == 0
    change.refresh_from_db()
    assert change.state == "refused"
    assert AuditEvent.objects.filter(verb="address_change.refused", subject=amal.code).exists()
