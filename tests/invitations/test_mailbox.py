"""A Maildir and an IMAP folder: read message by message, and left only when told."""

import mailbox as stdlib

import pytest

from panel.errors import BadInput, NotNow, Unreachable
from panel.invitations import mailbox
from tests.invitations import imap

MAIL = b"From: amal@example.org\nSubject: %d\n\nHei\n"


@pytest.fixture
def maildir(tmp_path, settings):
    settings.BOUNCE_MAILBOX = f"maildir:{tmp_path}/box"
    return stdlib.Maildir(tmp_path / "box")


@pytest.fixture(scope="module")
def cert(tmp_path_factory):
    return imap.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[True, False], ids=["UIDPLUS", "plain"])
def server(request, cert, settings, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with imap.serving(cert, uidplus=request.param) as running:
        settings.BOUNCE_MAILBOX = f"imaps://panel%40example.org@localhost:{running.port}/INBOX"
        settings.BOUNCE_MAILBOX_PASSWORD = imap.PASSWORD
        yield running


def read(limit: int = 9) -> list[bytes]:
    with mailbox.configured() as source:
        return [message.content for message in source.messages(limit)]


def test_a_maildirs_messages_are_read_and_stay_until_they_are_removed(maildir):
    for number in range(3):
        maildir.add(MAIL % number)
    assert sorted(read()) == sorted(read()) == [MAIL % 0, MAIL % 1, MAIL % 2]
    assert len(read(limit=2)) == 2
    with mailbox.configured() as source:
        for message in source.messages(2):
            source.remove(message)
    assert len(maildir) == 1


def test_what_is_put_aside_lies_in_a_folder_of_the_same_mailbox(maildir):
    maildir.add(MAIL % 1)
    with mailbox.configured() as source:
        (message,) = source.messages(9)
        source.put_aside(message)
        assert list(source.messages(9)) == []
    (kept,) = maildir.get_folder(mailbox.ASIDE)
    assert kept.as_bytes() == MAIL % 1


def test_a_message_that_another_program_took_is_passed_over(maildir):
    names = [maildir.add(MAIL % number) for number in range(3)]
    with mailbox.configured() as source:
        found = source.messages(9)
        next(found)
        maildir.discard(sorted(names)[1])
        assert len(list(found)) == 1


def test_a_message_is_read_to_its_limit_and_no_further(maildir, monkeypatch):
    monkeypatch.setattr(mailbox, "MESSAGE_MAX", 10)
    maildir.add(MAIL % 1)
    with mailbox.configured() as source:
        (message,) = source.messages(9)
    assert len(message.content) == 11
    assert message.too_long
    assert "example.org" not in repr(message)


def test_an_imap_folder_is_read_over_tls_and_left_as_told(server):
    server.inbox = {7: MAIL % 7, 8: MAIL % 8, 9: MAIL % 9}
    assert read() == [MAIL % 7, MAIL % 8, MAIL % 9]
    assert len(server.inbox) == 3  # reading leaves no mark
    with mailbox.configured() as source:
        first, second, third = source.messages(9)
        source.remove(first)
        source.put_aside(second)
        assert server.inbox == {9: third.content}
    assert server.aside == [MAIL % 8]


def test_a_message_marked_by_somebody_else_is_not_removed_along(server):
    server.inbox, server.deleted = {7: MAIL % 7, 8: MAIL % 8}, {8}
    with mailbox.configured() as source:
        source.remove(next(iter(source.messages(9))))
    assert (8 in server.inbox) == server.uidplus


def test_a_server_that_hangs_up_has_its_sentence(server):
    server.inbox, server.hangs_up_after = {7: MAIL % 7}, 3
    with pytest.raises(Unreachable, match="tried again"):
        read()


def test_a_wrong_password_and_a_wrong_folder_have_their_sentences(server, settings):
    settings.BOUNCE_MAILBOX = settings.BOUNCE_MAILBOX.replace("INBOX", "Other")
    with pytest.raises(BadInput, match="no such folder"):
        read()
    settings.BOUNCE_MAILBOX_PASSWORD = "another"
    with pytest.raises(Unreachable, match="password") as refused:
        read()
    assert refused.value.permanent
    assert "another" not in str(refused.value)


def test_a_server_with_a_certificate_nobody_knows_is_not_spoken_to(server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    server.inbox = {7: MAIL % 7}
    with pytest.raises(Unreachable):
        read()


def test_a_server_that_is_not_there_has_its_sentence(settings):
    settings.BOUNCE_MAILBOX, settings.BOUNCE_MAILBOX_PASSWORD = "imaps://panel@localhost:1/INBOX", "x"
    with pytest.raises(Unreachable, match="can’t be reached"):
        read()


def test_without_a_mailbox_and_with_one_that_is_none_it_says_so(settings, tmp_path):
    settings.BOUNCE_MAILBOX = ""
    with pytest.raises(NotNow, match="BOUNCE_MAILBOX"):
        read()
    settings.BOUNCE_MAILBOX = f"maildir:{tmp_path}"
    with pytest.raises(BadInput, match="Maildir"):
        read()
