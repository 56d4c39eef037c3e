"""What follows from a returned letter: counted once, two hard ones stop letters, and nothing is inferred (RES-03)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError

from panel.audit.models import AuditEvent
from panel.invitations import lost_contacts, returns
from panel.invitations.bounces import Finding, Kind
from panel.invitations.models import LetterKind, LostContact, Outgoing, Returned
from panel.invitations.returns import Noted
from panel.invitations.rules import State
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency.models import Flag
from panel.waves.models import CaseEvent
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
GONE = Finding(Kind.HARD, "5.1.1", "no_such_user", final=True)
MOVED = Finding(Kind.ADDRESS_CHANGED, "5.1.6", "moved", final=True)
FULL = Finding(Kind.SOFT, "5.2.2", "mailbox_full")
OTHERS = (
    FULL,
    Finding(Kind.COMPLAINT, reason="abuse"),
    Finding(Kind.AUTO_REPLY, reason="absent"),
    Finding(Kind.ADDRESS_CHANGED, reason="new_address"),
)


@pytest.fixture
def amal():
    study = f.with_letters(f.study())
    (one,) = f.people(study, 1)
    f.opened(study)
    f.send_all()
    return PanelMember.objects.get(pk=one.pk)


def letter(kind: LetterKind = LetterKind.INVITATION) -> Outgoing:
    return Outgoing.objects.get(kind=kind)


def another(like: Outgoing, **changes: object) -> Outgoing:
    """One more letter of the same member that went out."""
    row = Outgoing.objects.get(pk=like.pk)
    row.pk, row.occasion, row.case = uuid4(), uuid4(), None
    for name, value in {"kind": LetterKind.RECEIPT, **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def note(row: Outgoing, finding: Finding, now=f.NOON) -> Noted:
    return returns.note_return(by=returns.READER, row_id=row.pk, finding=finding, now=now)


def left_alone(member: PanelMember) -> bool:
    kept = PanelMember.objects.get(pk=member.pk)
    same = (kept.status, kept.place) == (member.status, member.place)
    return same and not Flag.objects.filter(member=member).exists()


def test_one_hard_bounce_is_counted_and_the_address_stays(amal):
    assert note(letter(), GONE) is Noted.COUNTED
    kept = Returned.objects.get()
    assert (kept.kind, kept.code, kept.reason, kept.final) == ("hard", "5.1.1", "no_such_user", True)
    assert not PanelMember.objects.get().unreachable
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.BOUNCED, case=letter().case).count() == 1
    assert not LostContact.objects.exists()
    event = AuditEvent.objects.get(verb="letter.returned")
    assert (event.subject, event.detail["kind"], event.detail["code"]) == (amal.code, "hard", "5.1.1")


def test_res_03_two_hard_bounces_stop_letters_and_open_a_case_and_say_nothing_else(amal):
    note(letter(), GONE)
    note(another(letter()), GONE, f.NOON + DAY)
    assert PanelMember.objects.get().unreachable
    assert LostContact.objects.get().member == amal
    assert left_alone(amal)


def test_the_same_letter_returned_twice_is_one_bounce(amal):
    """Several systems tell of it, or a mailbox is read again after a crash."""
    assert note(letter(), GONE) is Noted.COUNTED
    assert note(letter(), GONE, f.NOON + DAY) is Noted.KNOWN
    assert Returned.objects.count() == 1
    assert not PanelMember.objects.get().unreachable
    assert AuditEvent.objects.filter(verb="letter.returned").count() == 1


def test_a_third_one_opens_no_second_case(amal):
    for _each in range(3):
        note(another(letter()), GONE)
    assert LostContact.objects.count() == 1
    assert AuditEvent.objects.filter(verb="address.refused").count() == 1


@pytest.mark.parametrize("finding", OTHERS, ids=[str(one.kind) for one in OTHERS])
def test_res_03_what_is_not_hard_changes_neither_address_nor_member(amal, finding):
    for _each in range(3):
        note(another(letter()), finding)
    assert not PanelMember.objects.get().unreachable
    assert left_alone(amal)
    assert not CaseEvent.objects.filter(kind=CaseEvent.Kind.BOUNCED).exists()
    assert Returned.objects.filter(kind=finding.kind, final=False).count() == 3


@pytest.mark.parametrize("finding", [MOVED, OTHERS[3]], ids=["by the system", "by the member's machine"])
def test_res_03_another_address_opens_a_case_and_is_not_taken_from_the_message(amal, finding):
    note(letter(), finding)
    assert LostContact.objects.get().member == amal
    assert not PanelMember.objects.get().unreachable
    assert left_alone(amal)


def test_nobody_is_looked_for_who_left(amal):
    members.set_status(by=f.SYSTEM, member=amal, status=PanelMember.Status.LEFT, now=f.NOON)
    note(letter(), OTHERS[3])
    assert not LostContact.objects.exists()


def test_a_soft_one_and_a_hard_one_of_the_same_letter_are_two_rows_and_one_failure(amal):
    note(letter(), FULL)
    note(letter(), GONE)
    assert Returned.objects.count() == 2
    assert returns.failed_letters(amal) == 1


def test_bounces_of_an_earlier_address_say_nothing_of_the_new_one(amal):
    note(letter(), GONE)
    members.settle_address(by=f.SYSTEM, member=amal, shared_address=None, now=f.NOON + 2 * DAY)
    late = another(letter(), sent_at=f.NOON)
    note(late, GONE, f.NOON + 3 * DAY)  # sent to the old address, returned after the change
    assert returns.failed_letters(PanelMember.objects.get()) == 0
    note(another(letter(), sent_at=f.NOON + 3 * DAY), GONE, f.NOON + 4 * DAY)
    assert not PanelMember.objects.get().unreachable
    note(another(letter(), sent_at=f.NOON + 4 * DAY), GONE, f.NOON + 5 * DAY)
    assert PanelMember.objects.get().unreachable


def test_an_address_that_is_tried_again_has_two_tries(amal):
    for _each in range(2):
        note(another(letter()), GONE)
    members.mark_reachable(by=f.SIGNE, member=amal, now=f.NOON + DAY)
    note(another(letter(), sent_at=f.NOON + DAY), GONE, f.NOON + DAY)
    assert not PanelMember.objects.get().unreachable


def test_a_letter_to_an_address_that_was_never_confirmed_tells_nothing_of_the_members_own(amal):
    for _each in range(2):
        note(another(letter(), kind=LetterKind.CONFIRM_ADDRESS), GONE)
    assert Returned.objects.count() == 2
    assert not PanelMember.objects.get().unreachable
    assert not LostContact.objects.exists()


@pytest.mark.parametrize("row_id", [None, uuid4()])
def test_a_message_about_no_letter_of_ours_changes_nothing(amal, row_id):
    noted = returns.note_return(by=returns.READER, row_id=row_id, finding=GONE, now=f.NOON)
    assert noted is Noted.UNMATCHED
    assert not Returned.objects.exists()


@pytest.mark.parametrize(
    ("code", "enhanced", "kept"),
    [
        ("550", "5.1.1", ("hard", "5.1.1", "no_such_user")),
        ("550", "", ("hard", "550", "no_such_user")),
        ("556", "5.1.10", ("hard", "5.1.10", "no_mail_here")),
        ("551", "5.1.6", ("address changed", "5.1.6", "moved")),
        ("550", "5.1.2", ("hard", "5.1.2", "no_such_host")),
    ],
)
def test_a_refusal_at_once_is_a_hard_bounce_by_the_same_rule(amal, code, enhanced, kept):
    row = another(letter(), state=State.FAILED, sent_at=None)
    returns.refused_at_once(row=row, code=code, enhanced=enhanced, now=f.NOON)
    found = Returned.objects.get()
    assert (found.kind, found.code, found.reason) == kept
    assert not PanelMember.objects.get().unreachable
    second = another(letter(), state=State.FAILED, sent_at=None)
    returns.refused_at_once(row=second, code=code, enhanced=enhanced, now=f.NOON)
    assert PanelMember.objects.get().unreachable


@pytest.mark.parametrize("enhanced", ["5.2.1", "5.2.2", "4.1.1"])
def test_a_refusal_at_once_that_may_pass_is_soft_as_in_a_notification(amal, enhanced):
    for _each in range(2):
        row = another(letter(), state=State.FAILED, sent_at=None)
        returns.refused_at_once(row=row, code="550", enhanced=enhanced, now=f.NOON)
    assert set(Returned.objects.values_list("kind", "final")) == {("soft", False)}
    assert not PanelMember.objects.get().unreachable


def test_nothing_is_kept_of_a_return_whose_last_write_fails(amal, monkeypatch):
    note(letter(), GONE)
    second = another(letter())

    def broken(**_given):
        raise DatabaseError

    monkeypatch.setattr(lost_contacts, "open_case", broken)
    with pytest.raises(DatabaseError):
        note(second, GONE)
    assert Returned.objects.count() == 1
    assert not PanelMember.objects.get().unreachable
    assert AuditEvent.objects.filter(verb="letter.returned").count() == 1
    assert not AuditEvent.objects.filter(verb="address.refused").exists()


def test_of_the_kinds_only_those_that_count_can_be_kept(amal):
    with pytest.raises(DatabaseError):
        Returned.objects.create(letter=letter(), kind=Kind.NONE, day=f.NOON.date())
