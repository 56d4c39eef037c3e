"""Who acts, what of an event is sealed, what the anchors' file says. Pure; no tables, no keys."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Cut:
    """A restore: the chain then ended at `position`; `heads` noted before, up to `upto`, are of one that was lost."""

    position: int
    head: str
    upto: int
    lost: str
    heads: int
    at: str

    @property
    def detail(self) -> dict[str, Any]:
        """What the event says that stands for the line: neither counts without the other."""
        return {
            "position": self.position,
            "head": self.head,
            "upto": self.upto,
            "lost": self.lost,
            "heads": self.heads,
        }


@dataclass(frozen=True)
class Anchors:
    """The heads that the chain is held to, hash by position, and the restores between them, oldest first."""

    heads: dict[int, str] = field(default_factory=dict)
    cuts: tuple[Cut, ...] = ()


#: The head of a chain without a link.
NO_HEAD = "0" * 64
MINUTE = r"\d{4}-\d\d-\d\dT\d\d:\d\dZ"
#: The two kinds of line in the anchors' file.
ANCHOR = re.compile(rf"([1-9]\d*) ([0-9a-f]{{64}}) ({MINUTE})")
RESTORED = re.compile(rf"restored (0|[1-9]\d*) ([0-9a-f]{{64}}) ([1-9]\d*) ({MINUTE})")


def minute(at: datetime) -> str:
    """When a line was written."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def anchor_line(position: int, digest: str, at: datetime) -> str:
    """A head of the chain, to be noted outside the database, with the minute at which it was noted."""
    return f"{position} {digest} {minute(at)}\n"


def restored_line(cut: Cut) -> str:
    """The chain ends at this position with this hash; the heads above it, up to the other one, are not its own."""
    return f"restored {cut.position} {cut.head} {cut.upto} {cut.at}\n"


def cut_at(heads: Mapping[int, str], position: int, head: str, at: str) -> Cut | None:
    """The restore that a chain ending there tells of. None where no head is lost, or one that is kept differs."""
    lost = [noted for noted in heads if noted > position]
    if not lost or heads.get(position, head) != head:
        return None
    return Cut(position, head, max(lost), heads[max(lost)], len(lost), at)


def read_anchors(text: str) -> Anchors:
    """The heads noted earlier. A line that was cut or changed is refused, never skipped."""
    heads: dict[int, str] = {}
    cuts: list[Cut] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if restored := RESTORED.fullmatch(line):
            cuts.append(_cut(restored, heads, number))
            heads = _kept(heads, cuts[-1])
        elif anchor := ANCHOR.fullmatch(line):
            if heads.setdefault(int(anchor[1]), anchor[2]) != anchor[2]:
                raise BadInput(
                    _("Line %(number)s of the anchors' file names another hash for a position noted before.")
                    % {"number": number}
                )
        else:
            raise BadInput(
                _(
                    "Line %(number)s of the anchors' file is no anchor. Compare it with the mails to the "
                    "data-protection officer, mend it by hand and run `manage.py audit verify` again."
                )
                % {"number": number}
            )
    return Anchors(heads, tuple(cuts))


def _cut(found: re.Match[str], heads: Mapping[int, str], number: int) -> Cut:
    cut = cut_at(heads, int(found[1]), found[2], found[4])
    if cut is None or cut.upto != int(found[3]):
        raise BadInput(
            _("Line %(number)s of the anchors' file notes a restore that the lines above it contradict.")
            % {"number": number}
        )
    return cut


def _kept(heads: Mapping[int, str], cut: Cut) -> dict[int, str]:
    """The heads that hold after a restore; the one it left the chain with is one of them."""
    kept = {position: head for position, head in heads.items() if position <= cut.position}
    return {**kept, cut.position: cut.head} if cut.position else kept
