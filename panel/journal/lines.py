"""One line of the file: canonical JSON, chained by a keyed hash over the one before and all it says.

Where lines stand is file.py's; what they mean after a restore is panel/rights/replay.py's.
"""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.journal.models import JournalEntry
from panel.keys.macs import journal_mac


@dataclass(frozen=True)
class Line:
    """What a line says."""

    position: int
    previous: str
    uid: UUID
    at: datetime
    kind: str
    study: str
    code: str
    payload: dict[str, Any]
    hash: str

    @property
    def holds(self) -> bool:
        """Whether the line is as it was written; nothing is said of its neighbours."""
        return hmac.compare_digest(self.hash, _hash(_values(self)))

    def follows(self, position: int, previous: str) -> bool:
        """Whether it is the line after that one, and as it was written."""
        return self.position == position + 1 and self.previous == previous and self.holds

    def text(self) -> bytes:
        """The line as it stands in the file, with its end."""
        return _canonical({**_values(self), "hash": self.hash}) + b"\n"


def chain(entries: Iterable[JournalEntry], position: int, previous: str) -> list[Line]:
    """Lines for entries, to follow the line of that position and hash."""
    lines: list[Line] = []
    for entry in entries:
        position += 1
        line = Line(
            position, previous, entry.uid, entry.at.astimezone(UTC), entry.kind, entry.study, entry.code,
            entry.payload, "",
        )  # fmt: skip
        previous = _hash(_values(line))
        lines.append(Line(**{**vars(line), "hash": previous}))
    return lines


def read(text: bytes, number: int | None = None) -> Line:
    """The line that stands there; refuses what is none, naming it by its number."""
    try:
        values = json.loads(text)
        line = Line(**{**values, "uid": UUID(values["uid"]), "at": datetime.fromisoformat(values["at"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise damaged(number) from None
    if line.text() != text:
        raise damaged(number)
    return line


def damaged(number: int | None) -> Damaged:
    """The refusal that names a line."""
    if number is None:
        return Damaged(_("The last line of the journal can't be read."))
    return Damaged(
        _(
            "Line %(number)d of the journal was changed, or lines before it are gone. Put back the file's copy. "
            "Without one: `manage.py journal replay --past-damage`, then `manage.py journal rebuild`."
        )
        % {"number": number}
    )


def _values(line: Line) -> dict[str, Any]:
    return {
        "position": line.position,
        "previous": line.previous,
        "uid": str(line.uid),
        "at": line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": line.kind,
        "study": line.study,
        "code": line.code,
        "payload": line.payload,
    }


def _hash(values: dict[str, Any]) -> str:
    return journal_mac(_canonical(values)).hex()


def _canonical(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
