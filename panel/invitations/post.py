"""Handing one mail to the mail server, and saying truly what became of it. The only importer of
django.core.mail.

What the server said decides: accepted, refused for now (4xx), refused for good (5xx). When the line breaks
after the mail's content was begun, nobody knows: that is `DOUBT`, never "try again". Knows nothing of
members or the outbox.
"""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr
from enum import Enum
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: TID251
from django.core.mail.backends.smtp import EmailBackend  # noqa: TID251
from django.core.mail.message import sanitize_address  # noqa: TID251


class Outcome(Enum):
    """What became of one mail."""

    ACCEPTED = "accepted"
    LATER = "later"
    ADDRESS_REFUSED = "address refused"
    MAIL_REFUSED = "mail refused"
    DOUBT = "doubt"
    NO_SERVER = "no server"


class Handed(Exception):
    """How the server answered, when it was not a plain yes. Carries no address and no words of the
    server's.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


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


def headers(mail: Mail, now: datetime) -> dict[str, str]:
    """All headers of ours.

    The Message-ID is the row's random id: it says nothing of host, time, process or topic, a bounce can be
    matched by it, and a letter that a person sends again is the same letter to a mailbox that has it already.
    """
    made = {
        "Message-ID": f"<{mail.row.hex}@{urlsplit(settings.BASE_URL).hostname}>",
        "Date": format_datetime(now),
        "Auto-Submitted": "auto-replied" if mail.answers_a_request else "auto-generated",
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


class Backend(EmailBackend):
    """Django's SMTP backend, except that each step of handing over is told apart."""

    def _send(self, email_message: EmailMultiAlternatives) -> bool:
        encoding = email_message.encoding or settings.DEFAULT_CHARSET
        sender = parseaddr(sanitize_address(email_message.from_email, encoding))[1]
        (recipient,) = (parseaddr(sanitize_address(to, encoding))[1] for to in email_message.recipients())
        content = email_message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # (Django's own)
        self._step(lambda server: _mail_from(server, sender), refused=Outcome.LATER)
        self._step(lambda server: server.rcpt(recipient), refused=Outcome.ADDRESS_REFUSED)
        try:
            code, words = self._server.data(content)
        except smtplib.SMTPDataError as error:  # the server did not want the content: nothing of it was given
            code, words = error.smtp_code, _as_bytes(error.smtp_error)
        except OSError as error:
            raise Handed(Outcome.DOUBT) from error
        self._judge(code, words, refused=Outcome.MAIL_REFUSED)
        return True

    @property
    def _server(self) -> smtplib.SMTP:
        assert self.connection is not None
        return self.connection

    def _step(self, command: Callable[[smtplib.SMTP], tuple[int, bytes]], *, refused: Outcome) -> None:
        """One command before the content: whatever breaks here, nothing was sent."""
        try:
            code, words = command(self._server)
        except OSError as error:
            raise Handed(Outcome.NO_SERVER) from error
        self._judge(code, words, refused=refused)

    def _judge(self, code: int, words: bytes, *, refused: Outcome) -> None:
        if code < 400:
            return
        if code == 421:  # the server ends the line with these words
            self._server.close()
            raise Handed(Outcome.NO_SERVER)
        try:
            self._server.rset()
        except OSError:
            self._server.close()  # the answer stands; the next mail finds the line closed and opens a new one
        if code < 500:
            raise Handed(Outcome.LATER)
        policy = refused is Outcome.ADDRESS_REFUSED and words.startswith(_NOT_OF_THE_ADDRESS)
        raise Handed(Outcome.MAIL_REFUSED if policy else refused)


#: Enhanced status codes (RFC 3463) by which a refused recipient tells of us or of the line, not of the
#: address.
#: A full mailbox (5.2.2) and a letter too long for it (5.2.3) are no reason to give an address up.
_NOT_OF_THE_ADDRESS = (b"5.2.2", b"5.2.3", b"5.3.", b"5.4.", b"5.5.", b"5.7.")


def _mail_from(server: smtplib.SMTP, sender: str) -> tuple[int, bytes]:
    server.ehlo_or_helo_if_needed()
    return server.mail(sender, ["body=8bitmime"] if server.has_extn("8bitmime") else [])


def _as_bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()


def _is_one_address(text: str) -> bool:
    try:
        return "@" in sanitize_address(text, settings.DEFAULT_CHARSET)
    except ValueError:
        return False


class Postman:
    """One kept connection to the mail server."""

    def __init__(self) -> None:
        self._connection = get_connection()

    def hand_over(self, mail: Mail, now: datetime) -> Outcome:
        """Gives one mail to the server; a line that broke before the content is opened once more."""
        if not _is_one_address(mail.to):  # no server would know where to send it
            return Outcome.ADDRESS_REFUSED
        return self.hand_over_as_it_came(compose(mail, now))

    def hand_over_as_it_came(self, message: EmailMultiAlternatives) -> Outcome:
        """The same for what is composed already."""
        outcome = self._try(message)
        if outcome is Outcome.NO_SERVER:
            self.close()
            outcome = self._try(message)
        if outcome in {Outcome.NO_SERVER, Outcome.DOUBT}:
            self.close()
        return outcome

    def _try(self, message: EmailMultiAlternatives) -> Outcome:
        try:
            self._connection.open()
        except OSError:
            return Outcome.NO_SERVER
        try:
            self._connection.send_messages([message])
        except Handed as handed:
            return handed.outcome
        return Outcome.ACCEPTED

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
