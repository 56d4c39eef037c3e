"""What comes back in the example is what mail systems and people send: classed as such, and it finds its letter."""

from uuid import UUID

import pytest

from panel.demo import returning
from panel.demo.mailbox import read
from panel.invitations import bounces, verp
from panel.invitations.bounce_mail import Returned

ROW = UUID(int=9)


@pytest.fixture
def mail(settings):
    settings.BOUNCE_ADDRESS = "returns@panel.example.org"
    head = f"Delivered-To: amal@example.org\nReturn-Path: <{verp.sender_of(ROW)}>\nTo: amal@example.org\n"
    return read(f"{head}Message-ID: <1@example.org>\n\nhello\n".encode())


@pytest.mark.parametrize(("status", "kind"), [("5.1.1", "hard"), ("4.2.2", "soft")])
def test_a_notification_finds_its_letter_and_has_its_class(mail, status, kind):
    message = returning.not_delivered(mail, status)
    assert str(bounces.classify(message).kind) == kind
    assert verp.row_in(Returned(message)) == ROW


def test_a_machines_answer_and_a_persons_words_are_told_apart(mail):
    machine, person = returning.away(mail), returning.words(mail)
    assert str(bounces.classify(machine).kind) == "auto-reply"
    assert bounces.classify(person).person
    assert verp.row_in(Returned(machine)) == verp.row_in(Returned(person)) == ROW
