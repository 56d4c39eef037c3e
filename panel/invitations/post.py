"""Handing one mail to the mail server, and saying truly what became of it. The only importer of
django.core.mail.

What the server said decides: accepted, refused for now (4xx), refused for good (5xx). When the line breaks
after the mail's content was begun, nobody knows: that is `DOUBT`, never "try again". Knows nothing of
members or the outbox.
"""

import re
import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr
from enum import Enum
from functools import partial
from html import escape
from math import inf
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: TID251
from django.core.mail.backends.smtp import EmailBackend  # noqa: TID251
from django.core.mail.message import sanitize_address  # noqa: TID251

from panel.invitations import mime, verp

#: The longest mark that a form has room for.
MARK_BYTES = 24


class Outcome(Enum):
    """What became of one mail."""

    ACCEPTED = "accepted"
    LATER = "later"
    ADDRESS_REFUSED = "address refused"
    MAIL_REFUSED = "mail refused"
    DOUBT = "doubt"
    NO_SERVER = "no server"


@dataclass(frozen=True)
class Answer:
    """What became of it and by which codes (RFC 5321, RFC 3463); code 0 where no server spoke. None of its words."""

    outcome: Outcome
    code: int = 0
    enhanced: str = ""


ACCEPTED = Answer(Outcome.ACCEPTED, 250)


class Handed(Exception):
    """How the server answered, when it was not a plain yes. Carries no address and none of the server's words."""

    def __init__(self, outcome: Outcome, code: int = 0, enhanced: str = "") -> None:
        super().__init__(outcome.value)
        self.answer = Answer(outcome, code, enhanced)


@dataclass(frozen=True)
class Mail:
    """One mail to one recipient; `repr` shows nothing of it but its row in the outbox."""

    row: UUID
    to: str = field(repr=False)
    subject: str = field(repr=False)
    sender: str = field(repr=False)
    reply_to: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    unsubscribe: str = field(repr=False, default="")
    answers_a_request: bool = False


@dataclass(frozen=True)
class Printed:
    """The same as the bytes that travel, filled into a form; shows as little of itself."""

    row: UUID
    to: str = field(repr=False)
    content: bytes = field(repr=False)


def headers(mail: Mail, now: datetime) -> dict[str, str]:
    """All headers of ours.

    The Message-ID is the row's random id: it says nothing of host, time, process or topic, a bounce can be
    matched by it, and a letter that a person sends again is the same letter to a mailbox that has it already.
    """
    made = {
        "Message-ID": f"<{mail.row.hex}@{urlsplit(settings.BASE_URL).hostname}>",
        "Date": format_datetime(now),
        "Auto-Submitted": "auto-replied" if mail.answers_a_request else "auto-generated",
        **verp.provider_header(mail.row),
    }
    if mail.unsubscribe:  # RFC 8058: one click by POST; what it does is reversible (TOK-03)
        made["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return made


def compose(mail: Mail, now: datetime) -> EmailMultiAlternatives:
    """The mail as it travels."""
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=formataddr((mail.sender, settings.DEFAULT_FROM_EMAIL)),
        to=[mail.to],
        reply_to=[mail.reply_to],
        headers=headers(mail, now),
    )
    message.attach_alternative(mail.html, "text/html")
    return message


@dataclass(frozen=True)
class Form:
    """Mails that differ in a few values only, made once; `print` makes one of them, or says that it can't."""

    form: mime.Form

    def print(self, row: UUID, to: str, values: Mapping[str, str], mark: str) -> Printed | None:
        """None where something wouldn't stand in a mail as it is: its mail is composed the long way."""
        if not mime.is_plain_address(to):
            return None
        if mark and (len(mark.encode()) > MARK_BYTES or not mark.isprintable() or escape(mark) != mark):
            return None
        content = self.form.fill({**values, "row": row.hex}, {"to": to, "mark": mark})
        return Printed(row, to, content) if content else None


def form(
    letter: Callable[[Mapping[str, str], str, str], Mail],
    lengths: Mapping[str, int],
    *,
    marked: bool,
    now: datetime,
) -> Form | None:
    """Cuts the mail that `letter` makes of values, recipient and mark; None where its values can't be found again.

    A provider's header (verp.provider_header) holds a hash of each letter's own, so there is no form of such mails.
    """
    if settings.MAIL_PROVIDER in verp.PROVIDER_HEADERS:
        return None
    values = {name: mime.stand_in(length) for name, length in lengths.items()}
    there = {name: value for name, value in values.items() if value}
    to, mark = f"{mime.stand_in(20)}@example.org", f"{mime.stand_in(MARK_BYTES - 3)}…" if marked else ""
    mail = letter(values, to, mark)
    marks = there | {"to": to, "row": mail.row.hex} | ({"mark": mark} if marked else {})
    written = f"{mail.to}\n{mail.row.hex}\n{mail.text}\n{mail.html}\n{mail.unsubscribe}"
    times = {name: written.count(stand_in) for name, stand_in in marks.items()}
    content: bytes = compose(mail, now).message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # (Django's own)
    cut = mime.cut(content, marks, times, frozenset({"to", "mark"}))
    return Form(cut) if cut else None


class Backend(EmailBackend):
    """Django's SMTP backend, except that each step of handing over is told apart."""

    #: After this no content is given any more, however slowly the server said "go on" (LAW-07); by `monotonic`.
    until = inf

    def _send(self, email_message: EmailMultiAlternatives) -> bool:
        encoding = email_message.encoding or settings.DEFAULT_CHARSET
        author = parseaddr(sanitize_address(email_message.from_email, encoding))[1]
        sender = getattr(email_message, "envelope_sender", author)
        (recipient,) = (parseaddr(sanitize_address(to, encoding))[1] for to in email_message.recipients())
        content = email_message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # (Django's own)
        self.deliver(sender, recipient, content)
        return True

    def deliver(self, sender: str, recipient: str, content: bytes) -> None:
        """One letter over the open connection; whatever is no plain yes is raised as `Handed`."""
        try:
            self._server.ehlo_or_helo_if_needed()
            replies = self._envelope(sender, recipient)
        except OSError as error:  # whatever breaks here, nothing was sent
            raise Handed(Outcome.NO_SERVER) from error
        for (code, words), refused in zip(replies, _STEPS, strict=False):
            self._judge(code, words, refused=refused)
        if monotonic() > self.until:
            self._server.close()  # without a content there is no letter
            raise Handed(Outcome.NO_SERVER)
        try:
            self._server.send(_on_the_line(content))
            code, words = self._server.getreply()
        except OSError as error:
            raise Handed(Outcome.DOUBT) from error
        self._judge(code, words, refused=Outcome.MAIL_REFUSED)

    def _envelope(self, sender: str, recipient: str) -> list[tuple[int, bytes]]:
        """The answers to sender, recipient (bare addresses) and "may I go on"; in one go if that is offered (RFC 2920).

        One after the other, the first refusal ends it; in one go all are answered. A server that wants the content of
        a letter whose sender or recipient it refused gets none: the line is closed.
        """
        server = self._server
        eight = " body=8bitmime" if server.has_extn("8bitmime") else ""
        commands = [_command(f"MAIL FROM:<{sender}>{eight}"),
                    _command(f"RCPT TO:<{recipient}>"), _command("DATA")]  # fmt: skip
        replies: list[tuple[int, bytes]] = []
        if server.has_extn("pipelining"):
            server.send(b"".join(commands))
            replies = [server.getreply() for _command in commands]
            if replies[-1][0] < 400 and any(code >= 400 for code, _words in replies):
                server.close()
            return replies
        for command in commands:
            server.send(command)
            replies.append(server.getreply())
            if replies[-1][0] >= 400:
                break
        return replies

    @property
    def _server(self) -> smtplib.SMTP:
        assert self.connection is not None
        return self.connection

    def _judge(self, code: int, words: bytes, *, refused: Outcome) -> None:
        if 200 <= code < 400:
            return
        if code == 421 or code < 200:  # the server ends the line with these words, or speaks no SMTP
            self._server.close()
            raise Handed(Outcome.NO_SERVER)
        found = _ENHANCED.match(words)
        enhanced = found[0].decode() if found else ""
        try:
            self._server.rset()
        except OSError:
            self._server.close()  # the answer stands; the next mail finds the line closed and opens a new one
        if code < 500:
            raise Handed(Outcome.LATER, code, enhanced)
        policy = refused is Outcome.ADDRESS_REFUSED and words.startswith(_NOT_OF_THE_ADDRESS)
        raise Handed(Outcome.MAIL_REFUSED if policy else refused, code, enhanced)


_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")


#: What a final refusal of each step means. The server's quarrel with the sender is never held against the letter; the
#: third asks to give the content, of which nothing was given yet.
_STEPS = (Outcome.LATER, Outcome.ADDRESS_REFUSED, Outcome.MAIL_REFUSED)
#: Enhanced status codes (RFC 3463) by which a refused recipient tells of us or of the line, not of the address.
#: A full mailbox (5.2.2) and a letter too long for it (5.2.3) are no reason to give an address up.
_NOT_OF_THE_ADDRESS = (b"5.2.2", b"5.2.3", b"5.3.", b"5.4.", b"5.5.", b"5.7.")


def _command(line: str) -> bytes:
    """A command as it goes over the line, one line whatever it holds."""
    if "\r" in line or "\n" in line:
        raise ValueError("An SMTP command has one line.")
    return f"{line}\r\n".encode("ascii")


def _on_the_line(content: bytes) -> bytes:
    """Dots at the beginning of a line doubled, then the dot that ends it (RFC 5321, 4.5.2)."""
    if b"\n." in content:
        content = _DOTS.sub(b"..", content)
    return content + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")


_DOTS = re.compile(rb"(?m)^\.")


def _is_one_address(text: str) -> bool:
    try:
        return "@" in sanitize_address(text, settings.DEFAULT_CHARSET)
    except ValueError:
        return False


class Postman:
    """One kept connection to the mail server."""

    def __init__(self) -> None:
        self._connection: Any = get_connection()
        self._until = inf
        #: What was said of the last mail.
        self.answer = ACCEPTED

    @property
    def takes_bytes(self) -> bool:
        """Whether mails may come printed; a provider's own backend wants them composed."""
        return isinstance(self._connection, Backend)

    def hand_over(self, mail: Mail | Printed, now: datetime) -> Outcome:
        """Gives one mail to the server; a line that broke before the content is opened once more."""
        if isinstance(mail, Printed):
            assert isinstance(self._connection, Backend)
            return self._twice(
                partial(self._connection.deliver, verp.sender_of(mail.row), mail.to, mail.content)
            )
        if not _is_one_address(mail.to):  # no server would know where to send it
            self.answer = Answer(Outcome.ADDRESS_REFUSED)
            return self.answer.outcome
        message = compose(mail, now)
        if self.takes_bytes:
            message.envelope_sender = verp.sender_of(mail.row)  # type: ignore[attr-defined]  # (read by our backend)
        return self.hand_over_as_it_came(message)

    def hand_over_as_it_came(self, message: EmailMultiAlternatives) -> Outcome:
        """The same for what is composed already."""
        return self._twice(partial(self._connection.send_messages, [message]))

    def give_up_at(self, until: float) -> None:
        """No content is given and no line opened once more after this, by `monotonic`."""
        self._until = self._connection.until = until

    def _twice(self, give: Callable[[], object]) -> Outcome:
        self.answer = self._try(give)
        if self.answer.outcome is Outcome.NO_SERVER and monotonic() < self._until:
            self.close()
            self.answer = self._try(give)
        if self.answer.outcome in {Outcome.NO_SERVER, Outcome.DOUBT}:
            self.close()
        return self.answer.outcome

    def _try(self, give: Callable[[], object]) -> Answer:
        try:
            self._connection.open()
        except OSError:
            return Answer(Outcome.NO_SERVER)
        try:
            give()
        except Handed as handed:
            return handed.answer
        return ACCEPTED

    def close(self) -> None:
        """Ends the connection, however it stands."""
        with suppress(OSError):  # SMTPException is one too
            self._connection.close()


@contextmanager
def postman() -> Iterator[Postman]:
    """A postman whose connection is closed at the end."""
    one = Postman()
    try:
        yield one
    finally:
        one.close()


# --- somebody's mail, handed on as it came


class _AsItCame:
    """A message that is not taken apart."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def as_bytes(self, linesep: str = "\n") -> bytes:
        """With the line ends that SMTP wants; nothing else of it changes."""
        return linesep.encode().join(self._raw.splitlines()) + linesep.encode()


class Redirected(EmailMultiAlternatives):
    """A mail to one of our addresses on its way to who answers it, below the lines that say so (RFC 5322, 3.6.6)."""

    def __init__(self, raw: bytes, *, to: str, now: datetime) -> None:
        super().__init__(from_email=settings.DEFAULT_FROM_EMAIL, to=[to])
        mark = {
            "Resent-From": settings.DEFAULT_FROM_EMAIL,
            "Resent-To": to,
            "Resent-Date": format_datetime(now),
            LOOP: settings.DEFAULT_FROM_EMAIL,
        }
        self.raw = "".join(f"{name}: {value}\r\n" for name, value in mark.items()).encode() + raw

    def message(self) -> _AsItCame:  # type: ignore[override]  # (as bytes, all it is asked for)
        """What is handed over."""
        return _AsItCame(self.raw)


#: Marks what was passed on: where a study's inbox forwards to us again, nothing goes round.
LOOP = "X-Loop"


def was_passed_on(message: bytes) -> bool:
    """Whether this came back from where it was passed on to."""
    parsed = BytesHeaderParser(policy=compat32).parsebytes(message)
    return settings.DEFAULT_FROM_EMAIL in (str(mark).strip() for mark in parsed.get_all(LOOP, ()))


def pass_on(message: bytes, *, to: str, now: datetime) -> Outcome:
    """A person's mail to a study's inbox, unchanged and unread; no copy stays here."""
    with postman() as one:
        return one.hand_over_as_it_came(Redirected(message, to=to, now=now))
