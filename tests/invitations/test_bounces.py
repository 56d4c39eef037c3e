"""What a returned message is: by class, whatever its system calls it."""

import email
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.invitations import bounces, verp
from panel.invitations.bounce_mail import Returned
from panel.invitations.bounce_words import CODES, FOR_GOOD, TEXTS, VAGUE, Word
from panel.invitations.bounces import Kind
from tests.invitations import bounce_mails as m


def by_name(samples):
    return pytest.mark.parametrize("sample", samples, ids=[sample.name for sample in samples])


@by_name([*m.HARD, *m.SOFT, *m.CHANGED, *m.COMPLAINTS, *m.ANSWERS, *m.MACHINES, *m.DAMAGED_DSN])
def test_each_system_is_understood(sample):
    found = bounces.classify(sample.message)
    assert (found.kind, found.code) == (sample.kind, sample.code)
    assert sample.reason in {"", found.reason}
    assert not found.person


@by_name(m.PERSONS)
def test_a_persons_mail_is_never_taken_for_a_machines(sample):
    found = bounces.classify(sample.message)
    assert found == bounces.PERSON


def test_only_what_can_never_arrive_is_final():
    for sample in m.ALL:
        found = bounces.classify(sample.message)
        assert found.final == (found.kind == Kind.HARD or found.reason == Word.MOVED), sample.name


def test_nev_05_a_receipt_that_a_letter_was_shown_counts_as_nothing():
    shown = next(one for one in m.MACHINES if one.name == "shown")
    assert bounces.classify(shown.message).kind == Kind.NONE


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\0\0\0\0", b"no header at all, only words"])
def test_what_has_neither_header_nor_sense_is_damaged(content):
    assert bounces.classify(content) == bounces.DAMAGED


@given(st.binary(max_size=2000))
def test_no_bytes_break_it(content):
    assert bounces.classify(content).kind in Kind


@given(data=st.data(), sample=st.sampled_from(m.ALL))
def test_no_damage_to_a_real_message_breaks_it(data, sample):
    """Cut, doubled and overwritten anywhere."""
    content = sample.message[:6000]
    at = data.draw(st.integers(0, len(content)))
    noise = data.draw(st.binary(max_size=60))
    for damaged in (
        content[:at],
        content[at:],
        content[:at] + noise + content[at + len(noise) :],
        content[:at] + content,
    ):
        assert bounces.classify(damaged).kind in Kind


@given(
    header=st.sampled_from(["Subject", "From", "Content-Type", "Content-Transfer-Encoding"]),
    value=st.text(max_size=80),
)
def test_no_header_breaks_it(header, value):
    message = m.dsn("5.1.1").decode().replace("MIME-Version: 1.0", f"{header}: {value}".replace("\n", " "))
    assert bounces.classify(message.encode(errors="replace")).kind in Kind


@given(code=st.sampled_from(sorted(CODES)))
def test_a_code_alone_has_the_class_of_the_table(code):
    found = bounces.classify(m.dsn(f"5.{code}", words="It failed."))
    assert found.kind == (
        Kind.HARD
        if CODES[code] in FOR_GOOD
        else Kind.ADDRESS_CHANGED
        if CODES[code] == Word.MOVED
        else Kind.SOFT
    )


@given(
    code=st.sampled_from(sorted(CODES)), words=st.sampled_from(["User unknown", "no such host", "It failed."])
)
def test_what_its_own_system_calls_temporary_is_never_hard(code, words):
    found = bounces.classify(m.dsn(f"4.{code}", f"smtp; 450 4.{code} {words}"))
    assert (found.kind, found.final) == (Kind.SOFT, False)


def test_a_long_message_is_read_in_a_moment():
    """No pattern runs away, whatever is written."""
    began = time.process_time()
    for filling in (
        "a" * 400_000,
        "user " * 80_000,
        "550 5.1.1 " * 40_000,
        "> " * 200_000,
        "<" * 400_000,
        "\n" * 400_000,
    ):
        bounces.classify(m.plain("failure notice", filling))
    assert time.process_time() - began < 10


HEAD = b"From: a@example.org\nTo: b@example.org\nSubject: Undelivered mail\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            HEAD + b"\nIt could not be delivered, and we are sorry about that.\nReceived: x\n"
            + b"        by mx\n" * 12 + b"!\n",
            id="a folded header below the words",
        ),
        pytest.param(HEAD + b"\n" + (b"-" * 1000 + b"\n") * 60, id="lines of dashes"),
        pytest.param(HEAD + b"Content-Type: text/html\n\n" + b"<style " * 30_000, id="styles that never end"),
        pytest.param(HEAD + b"Content-Type: text/html\n\n" + b"<" * 230_000, id="tags that never end"),
        pytest.param(
            HEAD + b"Content-Type: text/plain; charset=punycode\n\na-" + b"b" * 200_000, id="a slow charset"
        ),
        pytest.param(HEAD.replace(b"Und", b"=?a?q?" * 40_000), id="encoded words that never end"),
        pytest.param(HEAD + MIXED + b"--b\n\n" * 200_000, id="two hundred thousand parts"),
        pytest.param(HEAD + (MIXED + b"--b\n") * 400 + b"x\n" * 100_000, id="four hundred parts in each other"),
        pytest.param(HEAD + b"Content-Type: message/rfc822\n\n" * 3000, id="three thousand letters in each other"),
        pytest.param(b"From: " + b"(" * 50_000 + b"\nTo: b@example.org\n\nx\n", id="comments in each other"),
    ],
)  # fmt: skip
def test_a_message_made_to_stop_its_reader_stops_it_not(message):
    """Who knows the address for returns chooses what comes there; one message must not hold up all behind it."""
    began = time.process_time()
    verp.row_in(Returned(message))
    bounces.classify(message)
    assert time.process_time() - began < 3


def test_many_parts_inside_each_other_are_not_followed_for_ever():
    message = email.message_from_bytes(m.dsn("5.1.1"))
    for _each in range(60):
        outer = email.message.MIMEPart()
        outer["Content-Type"] = "multipart/mixed"
        outer.set_payload([message])
        message = outer
    assert bounces.classify(b"From: mailer-daemon@example.net\n" + message.as_bytes()).kind in Kind


def test_what_is_for_good_stands_in_no_vague_word_but_the_plain_refusal():
    assert {word for word, _pattern in VAGUE} & FOR_GOOD == {Word.NO_SUCH_USER}
    assert {word for word, _pattern in TEXTS} >= FOR_GOOD
