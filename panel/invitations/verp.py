"""Which letter a returned message is about, found without reading what it says.

Each letter has an envelope sender of its own: the row's random id and a keyed hash of it, so that nobody can return a
letter that was never theirs. Where a system answers to another address, our Message-ID in what it returns finds the
row. Reads nothing from the database: whether the row exists, and of whom it is, the caller sees.
"""

import hmac
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from panel.invitations.bounce_mail import Returned
from panel.keys import macs

#: Of the hash: 48 bits, a guess a second would need millions of years.
MAC_HEX = 12
#: As much of a message is looked through for an address or a Message-ID of ours.
LOOK_MAX = 1_000_000
#: Providers whose webhooks don't tell our Message-ID hand back what stands here.
PROVIDER_HEADERS = {"postmark": "X-PM-Metadata-letter"}
_MARK = re.compile(rb"([0-9a-f]{32})([0-9a-f]{12})")


def sender_of(row_id: UUID) -> str:
    """The envelope sender of one letter; what letters come from where no address for returns is set."""
    if not settings.BOUNCE_ADDRESS:
        return settings.DEFAULT_FROM_EMAIL
    local_part, _, host = settings.BOUNCE_ADDRESS.rpartition("@")
    return f"{local_part}+{row_id.hex}{_mac(row_id)}@{host}"


def row_of(address: str) -> UUID | None:
    """The letter that has this envelope sender; None where it isn't one of ours."""
    if not settings.BOUNCE_ADDRESS:
        return None
    found = _pattern(settings.BOUNCE_ADDRESS).search(address.lower().encode(errors="replace"))
    return _checked(found) if found else None


def provider_header(row_id: UUID) -> dict[str, str]:
    """By what the provider's webhook names the letter, where it doesn't hand our Message-ID back."""
    name = PROVIDER_HEADERS.get(settings.MAIL_PROVIDER)
    return {name: f"{row_id.hex}{_mac(row_id)}"} if name else {}


def row_named(marks: Iterable[str]) -> UUID | None:
    """The letter that one of these names: by such a header's value, by an envelope sender or by a Message-ID."""
    for mark in marks:
        found = _MARK.fullmatch(mark.encode(errors="replace"))
        row = (
            (_checked(found) if found else None)
            or row_of(mark)
            or _by_message_id(mark.encode(errors="replace"))
        )
        if row:
            return row
    return None


def row_in(mail: Returned) -> UUID | None:
    """The letter a message is about: by its recipient, by what it returns, by the Message-ID it answers."""
    text = _head(mail) + mail.raw[:LOOK_MAX].replace(b"=\n", b"") + mail.all_text().encode(errors="replace")
    if settings.BOUNCE_ADDRESS:
        for found in _pattern(settings.BOUNCE_ADDRESS).finditer(text.lower()):
            row = _checked(found)
            if row:
                return row
    return _by_message_id(text)


def _by_message_id(text: bytes) -> UUID | None:
    named = _message_id(urlsplit(settings.BASE_URL).hostname or "").search(text)
    return UUID(named[1].decode()) if named else None


def _head(mail: Returned) -> bytes:
    """To whom it was delivered, first: what stands further down may have been written by anybody."""
    to = mail.headers("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
    return "\n".join(to).encode(errors="replace") + b"\n"


def _mac(row_id: UUID) -> str:
    return macs.return_mac(row_id.bytes).hex()[:MAC_HEX]


def _checked(found: re.Match[bytes]) -> UUID | None:
    row = UUID(found[1].decode())
    return row if hmac.compare_digest(_mac(row), found[2].decode()) else None


@lru_cache(maxsize=4)
def _pattern(address: str) -> re.Pattern[bytes]:
    local_part, _, host = (re.escape(part.encode()) for part in address.lower().rpartition("@"))
    return re.compile(local_part + rb"\+([0-9a-f]{32})([0-9a-f]{12})@" + host)


@lru_cache(maxsize=4)
def _message_id(host: str) -> re.Pattern[bytes]:
    return re.compile(rb"<([0-9a-f]{32})@" + re.escape(host.encode()) + rb">", re.IGNORECASE)
