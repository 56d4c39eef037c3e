"""A person's mail is never discarded: it is passed on unchanged and unread, and a case by code has a deadline."""

from datetime import timedelta
from email import message_from_bytes
from unittest.mock import patch
from uuid import uuid4

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import replies
from panel.invitations.models import ReplyCase
from panel.invitations.replies import Outcome, Taken
from panel.invitations.services import queue_service
from tests.factories import cast

pytestmark = pytest.mark.django_db
NOW, TODAY = cast.NOW, cast.NOW.date()
WORDS = "Будь ласка, видаліть мої дані. Canary-7319"
MAIL = (
    "From: Amal <AMAL@example.org>\nTo: bounces@panel.example.org\nSubject: Re: Spørsmål\n"
    "DKIM-Signature: v=1; a=rsa-sha256; bh=abc\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + WORDS + "\n"
).encode()


@pytest.fixture
def study(db):
    return cast.study()


@pytest.fixture
def amal(study):
    return cast.amal(study)


@pytest.fixture
def row(amal):
    return queue_service(member=amal, occasion=uuid4(), now=NOW)


def raw(mail):
    return mail.message().as_bytes(linesep="\r\n")


def test_it_goes_on_as_it_came_to_the_study_s_inbox(study, row, mailoutbox):
    assert replies.take_in(message=MAIL, row_id=row.pk, now=NOW) is Taken.PASSED_ON
    (mail,) = mailoutbox
    assert mail.recipients() == [study.contact_email]
    assert raw(mail).endswith(MAIL.replace(b"\n", b"\r\n"))
    above = message_from_bytes(raw(mail))
    assert above["Resent-To"] == study.contact_email
    assert above["X-Loop"] == above["Resent-From"]


def test_a_case_by_code_without_a_word_of_it(amal, row):
    replies.take_in(message=MAIL, row_id=row.pk, now=NOW)
    case = ReplyCase.objects.get()
    assert (case.member, case.way, case.received_on) == (amal, "passed_on", TODAY)
    assert case.due_on == TODAY + timedelta(days=7)
    event = AuditEvent.objects.get(verb="reply.received")
    assert (event.subject, event.actor) == (amal.code, "mailbox")
    assert "Canary" not in str(event.detail) + str(list(ReplyCase.objects.values()))


def test_a_second_mail_joins_the_open_case_and_moves_no_deadline(amal, row):
    for days in (0, 3):
        replies.take_in(message=MAIL, row_id=row.pk, now=NOW + timedelta(days=days))
    case = ReplyCase.objects.get()
    assert (case.mails, case.due_on) == (2, TODAY + timedelta(days=7))


def test_without_its_letter_it_is_known_by_the_sender_s_address(amal):
    assert replies.take_in(message=MAIL, row_id=None, now=NOW) is Taken.PASSED_ON
    assert ReplyCase.objects.get().member == amal


def test_of_several_at_an_address_nobody_is_guessed(study, amal, mailoutbox):
    cast.enrol(study, cast.recruits.row(9, E_post="amal@example.org"))
    replies.take_in(message=MAIL, row_id=None, now=NOW)
    assert not ReplyCase.objects.exists()
    assert AuditEvent.objects.filter(verb="reply.unknown").count() == 1


@pytest.mark.parametrize("sender", ["stranger@example.net", "", "no address", "=?utf-8?q?=ff?= <a@b>"])
def test_a_stranger_s_mail_is_passed_on_to_the_operator_and_counted(study, settings, mailoutbox, sender):
    settings.OPERATOR_EMAIL = "operator@example.org"
    mail = MAIL.replace(b"Amal <AMAL@example.org>", sender.encode())
    assert replies.take_in(message=mail, row_id=uuid4(), now=NOW) is Taken.PASSED_ON
    assert [one.recipients() for one in mailoutbox] == [["operator@example.org"]]
    assert AuditEvent.objects.get(verb="reply.unknown").subject == ""
    assert not ReplyCase.objects.exists()


def test_without_an_operator_a_stranger_s_mail_goes_to_the_only_study_s_inbox(mailoutbox, db):
    one = cast.bare_study()
    replies.take_in(message=MAIL, row_id=None, now=NOW)
    assert [mail.recipients() for mail in mailoutbox] == [[one.contact_email]]


def test_with_no_inbox_to_be_sure_of_it_stays_in_the_mailbox(mailoutbox, db):
    cast.bare_study()
    cast.bare_study("other", contact_email="other@example.org")
    assert replies.take_in(message=MAIL, row_id=None, now=NOW) is Taken.NOWHERE
    assert not mailoutbox


def test_what_was_passed_on_and_comes_back_goes_round_no_more(row, mailoutbox):
    replies.take_in(message=MAIL, row_id=row.pk, now=NOW)
    assert replies.take_in(message=raw(mailoutbox[0]), row_id=row.pk, now=NOW) is Taken.LOOP
    assert len(mailoutbox) == 1
    assert ReplyCase.objects.get().mails == 1


def test_while_the_mail_server_is_down_it_stays_in_the_mailbox(row, settings):
    settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert replies.take_in(message=MAIL, row_id=row.pk, now=NOW) is Taken.LATER
    assert not ReplyCase.objects.exists()


def test_a_case_that_could_not_be_kept_is_opened_at_the_next_reading(row, mailoutbox):
    with patch.object(replies.audit, "record", side_effect=RuntimeError), pytest.raises(RuntimeError):
        replies.take_in(message=MAIL, row_id=row.pk, now=NOW)
    assert not ReplyCase.objects.exists()
    assert replies.take_in(message=MAIL, row_id=row.pk, now=NOW) is Taken.PASSED_ON
    assert ReplyCase.objects.count() == 1


# --- at the desk


@pytest.fixture
def case(amal):
    return replies.open_case(by=cast.VERA, member=amal, way="recorded", received_on=TODAY, now=NOW)


def test_nothing_to_do_wants_a_reason(case):
    with pytest.raises(BadInput):
        replies.close(by=cast.VERA, case=case, outcome=Outcome.NOTHING, now=NOW)
    replies.close(by=cast.VERA, case=case, outcome=Outcome.NOTHING, reason="Only thanks.", now=NOW)
    case.refresh_from_db()
    assert (case.state, case.outcome, case.handled_by, case.closed_on) == ("closed", "nothing", "vera", TODAY)
    assert AuditEvent.objects.get(verb="reply.closed").detail == {
        "outcome": "nothing",
        "reason": "Only thanks.",
    }


def test_it_is_closed_once(case):
    replies.close(by=cast.VERA, case=case, outcome=Outcome.ANSWERED, now=NOW)
    with pytest.raises(NotNow):
        replies.close(by=cast.VERA, case=case, outcome=Outcome.ANSWERED, now=NOW)


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.LINK_SENT, "so"])
def test_what_is_done_here_closes_it_by_itself(case, outcome):
    with pytest.raises(BadInput):
        replies.close(by=cast.VERA, case=case, outcome=outcome, now=NOW)


@pytest.mark.parametrize("actor", [cast.SIGNE, cast.LIV, cast.INES, cast.DAG, cast.TOR])
def test_only_a_contact_keeper_deals_with_a_reply(case, actor):
    with pytest.raises(NotAllowed):
        replies.close(by=actor, case=case, outcome=Outcome.ANSWERED, now=NOW)
    with pytest.raises(NotAllowed):
        replies.open_case(by=actor, member=case.member, way="recorded", received_on=TODAY, now=NOW)


@pytest.mark.parametrize("day", [TODAY + timedelta(days=1), TODAY - timedelta(days=400)])
def test_a_slip_of_the_day_is_refused(amal, day):
    with pytest.raises(BadInput):
        replies.open_case(by=cast.VERA, member=amal, way="recorded", received_on=day, now=NOW)


ACTS = {
    "open": lambda case: replies.open_case(
        by=cast.VERA, member=case.member, way="recorded", received_on=TODAY, now=NOW
    ),
    "close": lambda case: replies.close(by=cast.VERA, case=case, outcome=Outcome.ANSWERED, now=NOW),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_broken_last_write_keeps_nothing(case, act):
    before = list(ReplyCase.objects.values())
    with patch.object(replies.audit, "record", side_effect=RuntimeError), pytest.raises(RuntimeError):
        ACTS[act](case)
    assert list(ReplyCase.objects.values()) == before


def test_waiting_and_late_ones_are_counted(study, case):
    assert replies.pressure([study], today=TODAY + timedelta(days=7)) == {"replies": 1, "replies_late": 0}
    assert replies.pressure([study], today=TODAY + timedelta(days=8)) == {"replies": 1, "replies_late": 1}
