"""The mail catcher and the reader of its letters."""

import http.client
import signal
import smtplib
import sys
import threading
from email.message import EmailMessage
from pathlib import Path

import pytest

from config.local import mailbox, mailreader, process


def letter(to: str = "amal@example.org", subject: str = "Запрошення") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "panel@example.org", to, subject
    message["List-Unsubscribe"] = "<http://127.0.0.1:8000/o/abc>"
    message.set_content("Ваше посилання: http://127.0.0.1:8000/a/tok?x=1&y=2.\n<script>alert(1)</script>\n")
    message.add_alternative('<p>Hei</p><img src="http://example.com/pixel.gif">', subtype="html")
    return message


def send(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(message)


@pytest.fixture
def web(tmp_path):
    """The reader of an empty Maildir."""
    server = mailreader.server(tmp_path / "mail", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(web, path: str, host: str = "127.0.0.1") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", web.server_port)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    out = answer.status, answer.read().decode(), answer.getheader("Content-Security-Policy", "")
    connection.close()
    return out


def test_a_letter_is_kept_whole(mail_catcher):
    send(mail_catcher.port, letter())
    (kept,) = mail_catcher.letters()
    assert kept["Subject"] == "Запрошення"
    assert kept["Delivered-To"] == "amal@example.org"
    assert kept["Return-Path"] == "<panel@example.org>"
    assert "Ваше посилання" in kept.get_body(("plain",)).get_content()


def test_a_listed_recipient_is_refused_for_good_also_when_listed_later(mail_catcher):
    send(mail_catcher.port, letter("bounce@example.org"))
    mail_catcher.refuse.write_text("Bounce@example.org\n")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(mail_catcher.port, letter("bounce@example.org"))
    assert refusal.value.recipients["bounce@example.org"][0] == 550
    assert len(mail_catcher.letters()) == 1


def test_the_catchers_file_names_hold_no_address(mail_catcher):
    send(mail_catcher.port, letter())
    assert not [path for path in mail_catcher.maildir.rglob("*") if "amal" in path.name]


def test_the_reader_lists_newest_first_in_pages(web, tmp_path):
    box = mailbox.Catcher(tmp_path / "mail").box
    for number in range(mailreader.PAGE + 1):
        box.add(letter(subject=f"Letter {number:03}").as_bytes())
    status, first, _ = get(web, "/")
    assert status == 200
    assert first.index("Letter 050") < first.index("Letter 001")
    assert "Letter 000" not in first
    assert "Letter 000" in get(web, "/?page=2")[1]
    assert get(web, "/?page=x")[0] == 200


def test_a_letter_is_shown_with_links_and_without_its_markup(web, tmp_path):
    key = mailbox.Catcher(tmp_path / "mail").box.add(letter().as_bytes())
    status, text, policy = get(web, f"/letter/{key}")
    assert status == 200
    assert 'href="http://127.0.0.1:8000/a/tok?x=1&amp;y=2" target="_blank"' in text
    assert 'href="http://127.0.0.1:8000/o/abc"' in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert '<iframe sandbox="' in text
    assert "allow-scripts" not in text
    assert "default-src 'none'" in policy


def test_the_html_part_can_neither_run_nor_load_anything(web, tmp_path):
    key = mailbox.Catcher(tmp_path / "mail").box.add(letter().as_bytes())
    status, text, policy = get(web, f"/letter/{key}/html")
    assert status == 200
    assert "<p>Hei</p>" in text
    assert policy.startswith("sandbox allow-popups ")
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path", ["/letter/none", "/letter/..%2F..%2Fetc%2Fpasswd", "/letter/x/html", "/elsewhere"]
)
def test_what_is_not_a_letter_is_not_found(web, path):
    assert get(web, path)[0] == 404


def test_another_hosts_page_cannot_read_the_letters(web):
    assert get(web, "/", host="attacker.example.com")[0] == 421


def test_the_program_catches_shows_and_stops(tmp_path):
    smtp, web_port = process.free_port(), process.free_port()
    argv = [sys.executable, "-m", "config.local.mailbox", "--maildir", tmp_path / "mail"]
    root = Path(__file__).parent.parent.parent
    with (tmp_path / "log").open("wb") as log:
        child = process.spawn(
            [*argv, "--smtp-port", str(smtp), "--web-port", str(web_port)], cwd=root, log=log
        )
    assert process.wait_until(lambda: process.answers(web_port), seconds=20, child=child)
    send(smtp, letter(subject="Hello"))
    connection = http.client.HTTPConnection("127.0.0.1", web_port)
    connection.request("GET", "/")
    assert "Hello" in connection.getresponse().read().decode()
    connection.close()
    process.stop(child, signum=signal.SIGTERM)
    assert child.returncode == 0
    assert b"@" not in (tmp_path / "log").read_bytes()
