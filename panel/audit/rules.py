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


def anchor_line(position: int, digest: str, at: datetime) -> str:
    """A head of the chain, to be noted outside the database, with the minute at which it was noted."""
    return f"{position} {digest} {at.astimezone(UTC):%Y-%m-%dT%H:%MZ}\n"


#: A line of the anchors' file.
ANCHOR = re.compile(r"([1-9]\d*) ([0-9a-f]{64}) (\d{4}-\d\d-\d\dT\d\d:\d\dZ)")


def read_anchors(text: str) -> dict[int, str]:
    """The heads noted earlier, hash by position. A line that was cut or changed is refused, never skipped."""
    anchors: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = ANCHOR.fullmatch(line)
        if match is None:
            raise BadInput(
                _(
                    "Line %(number)s of the anchors' file is no anchor. Compare it with the mails to the "
                    "data-protection officer, mend it by hand and run `manage.py audit verify` again."
                )
                % {"number": number}
            )
        position, digest = int(match[1]), match[2]
        if anchors.setdefault(position, digest) != digest:
            raise BadInput(
                _("Line %(number)s of the anchors' file names another hash for a position noted before.")
                % {"number": number}
            )
    return anchors
