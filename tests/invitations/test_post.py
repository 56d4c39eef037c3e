"""What becomes of one mail, told truly, against a real SMTP server on loopback; and how a mail looks."""

import socket
from datetime import UTC, datetime
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest

from panel.invitations import post, verp
from panel.invitations.post import Mail, Outcome, postman
from tests.invitations.servers import mail_server

NOW = datetime(2023, 10, 2, 10, tzinfo=UTC)


def mail(to="amal@example.org", **changes) -> Mail:
    values = {
        "row": uuid4(),
        "to": to,
        "subject": "Nye spørsmål fra Livet videre",
        "sender": "Livet videre",
        "reply_to": "studie@example.org",
        "text": "Добрий день!\n\n.\nhttp://testserver/a/x\n",
        "html": "<p>Добрий день!</p>",
        "unsubscribe": "http://testserver/o/x",
    }
    return Mail(**{**values, **changes})


@pytest.fixture
def smtp(settings):
    """A server whose answers the test decides; this process sends to it by the product's own backend."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
        settings.EMAIL_TIMEOUT = 5
        yield server


def hand_over(*mails: Mail) -> list[Outcome]:
    with postman() as one:
        return [one.hand_over(mail, NOW) for mail in mails]


def test_accepted_over_one_kept_connection(smtp):
    assert hand_over(mail(), mail("vera@example.org")) == [Outcome.ACCEPTED] * 2
    assert smtp.recipients == ["amal@example.org", "vera@example.org"]
    assert smtp.connections == 1


def test_law_07_no_content_is_given_to_a_server_that_was_too_slow_to_ask_for_it(smtp):
    """However many answers of a slow server a letter waits for, what was checked too long ago doesn't go."""

    def slowly(_address: str) -> str:
        sleep(0.4)
        return "250 OK"

    smtp.on_mail = smtp.on_rcpt = slowly
    with postman() as one:
        one.give_up_at(monotonic() + 0.3)
        assert one.hand_over(mail(), NOW) is Outcome.NO_SERVER
    assert (smtp.arrived, smtp.connections) == ([], 1)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("550 5.1.1 no such user", Outcome.ADDRESS_REFUSED),
        ("550 no such user", Outcome.ADDRESS_REFUSED),
        ("553 5.1.3 bad address", Outcome.ADDRESS_REFUSED),
        ("550 5.7.1 relaying denied", Outcome.MAIL_REFUSED),
        ("552 5.2.2 mailbox full", Outcome.MAIL_REFUSED),
        ("550 5.2.1 mailbox disabled", Outcome.ADDRESS_REFUSED),
        ("451 4.7.1 greylisted", Outcome.LATER),
        ("452 4.2.2 mailbox full", Outcome.LATER),
    ],
)
def test_a_refused_recipient_and_the_next_mail_goes(smtp, answer, outcome):
    smtp.on_rcpt = lambda to: answer if to.startswith("amal") else "250 OK"
    assert hand_over(mail(), mail("vera@example.org")) == [outcome, Outcome.ACCEPTED]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("554 5.6.0 content refused", Outcome.MAIL_REFUSED), ("451 4.3.0 try later", Outcome.LATER)],
)
def test_a_refused_content(smtp, answer, outcome):
    smtp.on_data = lambda to: answer if to.startswith("amal") else "250 OK"
    assert hand_over(mail(), mail("vera@example.org")) == [outcome, Outcome.ACCEPTED]


def test_a_sender_refused_is_never_held_against_the_letter(smtp):
    """The server's quarrel with us must not burn a whole wave's letters."""
    smtp.on_mail = lambda _sender: "550 5.7.1 not you"
    assert hand_over(mail()) == [Outcome.LATER]


def test_a_line_that_breaks_after_the_content_is_doubt_and_not_tried_again(smtp):
    smtp.on_data = lambda to: "break" if to.startswith("amal") else "250 OK"
    assert hand_over(mail(), mail("vera@example.org")) == [Outcome.DOUBT, Outcome.ACCEPTED]
    assert smtp.recipients == ["amal@example.org", "vera@example.org"]


def test_a_server_silent_after_the_content_is_doubt(smtp, settings):
    settings.EMAIL_TIMEOUT = 0.3
    smtp.seconds = 1.5
    assert hand_over(mail()) == [Outcome.DOUBT]


def test_a_line_that_broke_between_two_mails_is_opened_again(smtp):
    with postman() as one:
        assert one.hand_over(mail(), NOW) is Outcome.ACCEPTED
        one._connection.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        assert one.hand_over(mail("vera@example.org"), NOW) is Outcome.ACCEPTED
    assert smtp.recipients == ["amal@example.org", "vera@example.org"]
    assert smtp.connections == 2


def test_a_server_that_says_good_bye_is_no_server(smtp):
    smtp.on_rcpt = lambda _to: "421 4.3.2 shutting down"
    assert hand_over(mail()) == [Outcome.NO_SERVER]
    assert smtp.arrived == []


def test_no_server_at_all(settings):
    settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 9, False
    assert hand_over(mail(), mail()) == [Outcome.NO_SERVER] * 2


@pytest.mark.parametrize(
    "to", ["", "nobody", "two@example.org, other@example.org", "a@example.org\nBcc: b@example.org"]
)
def test_what_is_no_single_address_goes_nowhere(smtp, to):
    """MAIL-02: one recipient."""
    assert hand_over(mail(to)) == [Outcome.ADDRESS_REFUSED]
    assert smtp.arrived == []


def test_mail_02_text_and_html_arrive_as_written(smtp):
    hand_over(mail())
    (arrived,) = smtp.arrived
    text, html = (arrived.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    assert text == mail().text, "a line that is a dot, and letters beyond ASCII"
    assert html.strip() == mail().html
    assert arrived.get_content_type() == "multipart/alternative"


def test_headers_of_survey_mail(smtp):
    """RFC 8058 one-click; From neutral; a Message-ID without time, host or process; no header of our own."""
    sent = mail(row=UUID(int=5))
    hand_over(sent)
    (arrived,) = smtp.arrived
    assert arrived["From"] == "Livet videre <post@testserver>"
    assert arrived["To"] == "amal@example.org"
    assert arrived["Reply-To"] == "studie@example.org"
    assert arrived["List-Unsubscribe"] == "<http://testserver/o/x>"
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert arrived["Message-ID"] == f"<{UUID(int=5).hex}@testserver>"
    assert arrived["Date"].datetime == NOW
    assert arrived["Auto-Submitted"] == "auto-generated"
    written = {"Content-Type", "MIME-Version", "Subject", "From", "To", "Reply-To", "Message-ID", "Date"}
    added_by_the_catcher = {"X-Peer", "X-MailFrom", "X-RcptTo"}
    ours = {"Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"}
    allowed = written | ours | added_by_the_catcher
    assert set(arrived) <= allowed


def test_a_provider_that_forgets_our_message_id_is_told_the_letter(smtp, settings):
    settings.MAIL_PROVIDER = "postmark"
    hand_over(mail(row=UUID(int=5)))
    (arrived,) = smtp.arrived
    assert verp.row_named([arrived["X-PM-Metadata-letter"]]) == UUID(int=5)


def test_service_mail_answers_and_offers_no_unsubscribing(smtp):
    hand_over(mail(unsubscribe="", answers_a_request=True))
    (arrived,) = smtp.arrived
    assert arrived["Auto-Submitted"] == "auto-replied"
    assert arrived["List-Unsubscribe"] is None


def test_nev_09_neither_a_mail_nor_its_error_shows_an_address():
    assert "amal" not in repr(mail())
    assert "amal" not in str(post.Handed(Outcome.ADDRESS_REFUSED))
