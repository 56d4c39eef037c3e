"""Takes a message that came back apart, whatever state it is in: headers, report, the words above what it returns.

Knows MIME, RFC 3464 and RFC 5965, and that many messages follow none of them. Never raises on any bytes. What it all
means stands in bounces.py.
"""

import email
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from typing import Any

#: What is looked at; nothing that decides stands further down.
TEXT_MAX = 60_000
PARTS_MAX = 40
HEADER_MAX = 10_000
#: So much is taken apart: a report comes before what it returns, and a person's attachments say nothing of the class.
READ_MAX = 250_000
#: Lines that look like the beginning of a part, and parts that hold others: no mail system writes more of them.
DIVIDERS_MAX, NESTED_MAX = 500, 60
#: Recipients that a report speaks of; a letter of ours has one.
TOLD_MAX = 10
#: Parts that return our letter: what stands in them is ours, or a bounce that somebody forwards.
RETURNED = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/partial"})
#: Names of domains, not of texts; their decoders take minutes for a long one.
SLOW_CHARSETS = frozenset({"punycode", "idna"})
STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
RECEIPT_PARTS = frozenset({"message/disposition-notification", "message/global-disposition-notification"})

_FIELD = re.compile(
    r"^[ \t]*(?:X-)?(Action|Status|Diagnostic-Code|Final-Recipient|Original-Recipient|Feedback-Type)[ \t]*:[ \t]*"
    r"(.*(?:\n[ \t]+\S.*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_KIND = re.compile(r"^[\w-]+\s*;\s*")
_GLOSS = re.compile(r"\b[45]\.\d\.\d - [A-Za-z ]{3,60} (?=\d{3}[- ])")
_COMMENT = re.compile(r"\(([^()]*)\)")
_BOUNDARY = re.compile(r"^--([^\s-].{0,80})\n(?:[A-Za-z-]+:.*\n)", re.MULTILINE)
_HOLDS_PARTS = re.compile(rb"multipart/|message/", re.IGNORECASE)
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
# No pattern here may try the same text in many ways: who sends a message chooses what it is matched against.
_HIDDEN = re.compile(r"<(?:style|script|head)\b", re.IGNORECASE)
_SHOWN_AGAIN = re.compile(r"</(?:style|script|head)>", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]{0,2000}>")
_QUOTED = re.compile(r"^[ \t]*>(?!>>).*$", re.MULTILINE)
#: Where our own letter begins, in messages that are not divided into parts.
_COPY_BELOW = re.compile(
    r"^.{0,20}(?:"
    r"-{2,}+[^\n]{0,60}(?:copy|original|returned|unsent|below this line|message follows|headers)"
    r"|(?:the )?(?:original|unsent|returned|failed|your) (?:message|mail)(?: headers?| text)?"
    r"(?: follows| is included below)?[ :.]*$"
    r"|[^\n]{0,60}(?:copy of (?:the|your) (?:message|mail|original)|message headers? follow|headers of the message)"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_BLOCK = re.compile(
    r"^(?:Received|Return-Path|Message-ID|MIME-Version|DKIM-Signature|Content-Type|X-Mailer):[^\n]*\n"
    r"(?:[ \t][^\n]*\n)*[A-Za-z][A-Za-z-]*:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Told:
    """What a report says of one recipient."""

    action: str = ""
    status: str = ""
    diagnostic: str = ""

    @property
    def said(self) -> str:
        """The server's words: without the name of their kind, and without a gateway's own gloss on them."""
        words = _GLOSS.sub("", _KIND.sub("", self.diagnostic))
        return words or " ".join(_COMMENT.findall(self.status))


class Returned:
    """One message, taken apart."""

    def __init__(self, message: bytes) -> None:
        lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self.raw = lines
        self.mail = _parsed(lines)
        self._raw_headers = [(name, str(text)) for name, text in self.mail.raw_items()]
        self.parts = list(_parts(self.mail))
        self.types = {part.get_content_type() for part in self.parts}

    @property
    def readable(self) -> bool:
        """Whether it has anything that a message must have."""
        return any(
            self.mail.get(name) for name in ("From", "To", "Subject", "Date", "Received", "Return-Path")
        )

    def header(self, name: str) -> str:
        """A header's text, on one line; empty where there is none."""
        return next(iter(self.headers(name)), "")

    def headers(self, *names: str) -> list[str]:
        """All headers of these names."""
        wanted = [name.lower() for name in names]
        found = [
            (wanted.index(name.lower()), text[:HEADER_MAX])
            for name, text in self._raw_headers
            if name.lower() in wanted
        ]
        return [_decoded(text) for _place, text in sorted(found, key=lambda one: one[0])]

    @property
    def sender(self) -> str:
        """The address it says it is from."""
        return parseaddr(self.header("From"))[1].lower()

    @property
    def no_sender(self) -> bool:
        """Sent with an empty envelope sender, as notifications are."""
        return any(path.strip() in {"<>", ""} for path in self.headers("Return-Path"))

    @property
    def report_type(self) -> str:
        """Of a multipart/report: which."""
        value = (
            self.mail.get_param("report-type", "")
            if self.mail.get_content_type() == "multipart/report"
            else ""
        )
        return str(value).lower().strip()

    @property
    def is_report(self) -> bool:
        """A report on delivery (RFC 3464), by its own word."""
        return self.report_type == "delivery-status" and bool(STATUS_PARTS & self.types)

    @property
    def is_read_receipt(self) -> bool:
        """Somebody's program says that the letter was shown (RFC 8098)."""
        return self.report_type == "disposition-notification" or bool(RECEIPT_PARTS & self.types)

    def told(self) -> list[Told]:
        """What the report says, recipient by recipient."""
        text = "\n\n".join(_text(part) for part in self.parts if part.get_content_type() in STATUS_PARTS)
        return told_in(text or self.words())[:TOLD_MAX]

    def feedback_type(self) -> str | None:
        """Of a complaint (RFC 5965): its kind; None where it is none."""
        text = "\n".join(
            _text(part) for part in self.parts if part.get_content_type() == "message/feedback-report"
        )
        if not text and self.report_type != "feedback-report":
            return None
        found = [value for name, value in _fields(text or self.all_text()) if name == "feedback-type"]
        return found[0].lower() if found else ""

    def words(self) -> str:
        """The message's own words, without the letter it returns and without what a person quotes."""
        text = self.all_text()
        for mark in (_COPY_BELOW, _HEADER_BLOCK):
            found = mark.search(text, 1)
            if found and found.start() > 40:
                text = text[: found.start()]
        return _QUOTED.sub("", text)

    def all_text(self) -> str:
        """Every part that is text, returned letters left out."""
        plain = [_text(part) for part in self.parts if part.get_content_type() == "text/plain"]
        if not any(text.strip() for text in plain):
            plain = [_unmarked(_text(part)) for part in self.parts if part.get_content_type() == "text/html"]
        return "\n".join(plain)[:TEXT_MAX]


def _parsed(lines: bytes) -> Message:
    """As much of it as is read. One divided or nested beyond all measure has no headers: a person looks at it."""
    head = lines[:READ_MAX]
    if len(_HOLDS_PARTS.findall(head)) > NESTED_MAX:
        return Message()
    if head.count(b"\n--") > DIVIDERS_MAX and b"boundary" in head.lower():
        return Message()
    return email.message_from_bytes(head)


def told_in(text: str) -> list[Told]:
    """The fields of RFC 3464, wherever they stand: a paragraph for each recipient."""
    paragraphs = (dict(_fields(paragraph)) for paragraph in _EMPTY_LINE.split(text))
    return [
        Told(one.get("action", "").lower(), one.get("status", ""), one.get("diagnostic-code", ""))
        for one in paragraphs
        if "action" in one or "status" in one
    ]


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for found in _FIELD.finditer(text):
        yield found[1].lower(), " ".join(found[2].split())


def _parts(mail: Message) -> Iterator[Message]:
    """Its leaves, in order; nothing of what stands inside a returned letter."""
    open_parts: list[Message] = [mail]
    seen = 0
    while open_parts and seen < PARTS_MAX:
        part = open_parts.pop(0)
        seen += 1
        payload = part.get_payload()
        if isinstance(payload, str) and part.get_content_maintype() == "multipart":
            open_parts[:0] = _mended(payload)
        elif part.get_content_type() in RETURNED or not isinstance(payload, list):
            yield part
        elif part.get_content_maintype() == "multipart":
            open_parts[:0] = _mails(payload)
        else:  # the blocks of a delivery status are parsed as mails without bodies
            yield part


def _mended(content: str) -> list[Message]:
    """The parts of a message that names another boundary than it uses, or none; else its content as one text."""
    found = _BOUNDARY.search(content)
    kind = f'multipart/mixed; boundary="{found[1]}"' if found else "text/plain"
    whole = email.message_from_string(f"Content-Type: {kind}\n\n{content}")
    payload = whole.get_payload()
    return _mails(payload) if isinstance(payload, list) else [email.message_from_string(f"\n{content}")]


def _mails(payload: list[Any]) -> list[Message]:
    return [part for part in payload if isinstance(part, Message)]


def _text(part: Message) -> str:
    """A part as text, whatever it says of its encoding."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n\n".join(
            "\n".join(f"{name}: {value}" for name, value in block.items()) for block in _mails(payload)
        )
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    return _as_text(content[: 4 * TEXT_MAX], part.get_content_charset() or "utf-8")


def _as_text(content: bytes, charset: str) -> str:
    if charset.lower() in SLOW_CHARSETS:
        charset = "utf-8"
    try:
        return content.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return content.decode("utf-8", "replace")


def _unmarked(markup: str) -> str:
    return html.unescape(_TAGS.sub(" ", _shown(markup)))


def _shown(markup: str) -> str:
    """Without what stands in style, script and head."""
    shown, end = list[str](), 0
    while opening := _HIDDEN.search(markup, end):
        closing = _SHOWN_AGAIN.search(markup, opening.end())
        if closing is None:
            break
        shown.append(markup[end : opening.start()])
        end = closing.end()
    return " ".join([*shown, markup[end:]])


def _decoded(value: str) -> str:
    """A header with its encoded words read, as far as they can be, or its bytes where it has none."""
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        chunks = decode_header(value)
    except (HeaderParseError, MessageError, ValueError):
        return " ".join(value.split())
    text = "".join(
        chunk if isinstance(chunk, str) else _as_text(chunk, charset or "utf-8") for chunk, charset in chunks
    )
    return " ".join(text.split())
