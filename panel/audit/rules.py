"""Who acts, and what of an event is sealed. Pure; no tables, no keys."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from django.utils.translation import gettext as _

from panel.errors import BadInput
from panel.logs import masked

Kind = Literal["staff", "member", "system"]


@dataclass(frozen=True)
class Actor:
    """Who does something: a staff user by name, a member by code, or the service itself."""

    kind: Kind
    name: str

    @classmethod
    def staff(cls, username: str) -> "Actor":
        return cls("staff", username)

    @classmethod
    def member(cls, code: str) -> "Actor":
        return cls("member", code)

    @classmethod
    def system(cls, name: str) -> "Actor":
        return cls("system", name)


class Event(Protocol):
    """What is read of an event for its seal."""

    id: int
    uid: UUID
    at: datetime
    actor_kind: str
    actor: str
    verb: str
    study: str
    subject: str
    detail: dict[str, Any]


#: An event's name: what it is about and what was done to it, as "wave.planned".
VERB = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
FIELDS = ("id", "actor_kind", "actor", "verb", "study", "subject", "detail")


def canonical(event: Event) -> bytes:
    """The event as bytes that are the same on every database and in every process."""
    values = {name: getattr(event, name) for name in FIELDS}
    values["uid"] = str(event.uid)
    values["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def without_contact_data(value: Any) -> Any:
    """`value` with addresses, phone numbers and links masked at every depth: reasons are typed by people."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: without_contact_data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [without_contact_data(inner) for inner in value]
    return value


def anchor_line(position: int, digest: str) -> str:
    """A head of the chain, to be noted outside the database."""
    return f"{position} {digest}\n"


def read_anchors(text: str) -> dict[int, str]:
    """The heads noted earlier, hash by position."""
    anchors = {}
    for number, line in enumerate(text.splitlines(), start=1):
        position, _blank, digest = line.partition(" ")
        if not position.isdecimal() or len(digest) != 64:
            raise BadInput(_("Line %(number)s of the anchors' file is no anchor.") % {"number": number})
        anchors[int(position)] = digest
    return anchors
