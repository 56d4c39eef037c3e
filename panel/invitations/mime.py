"""A letter as bytes, made once and cut where each recipient's own values stand; filling it in is all that is left.

The bytes are the mail library's own (post.py makes them of a letter with marks in it), so that structure, encodings
and folding are as they always are. What is put in later is plain ASCII of known length, or text in a part that travels
as it is; whatever else comes does not fit, and its letter is made the long way. Knows no letter, no settings.
"""

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

#: What may stand at a cut in a header or a link: nothing that could end a line, a header or a quoted string.
_PLAIN = re.compile(r"[A-Za-z0-9_.@+-]*")
#: A mailbox that needs no quoting, no encoding and no folding.
_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
LONGEST_ADDRESS = 64
#: Inside a quoted-printable part a line may be broken anywhere.
SOFT_BREAK = b"=\r\n"
_LETTERS = string.ascii_lowercase + string.digits


def stand_in(length: int) -> str:
    """So many random letters, which no text holds by accident."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def is_plain_address(text: str) -> bool:
    """Whether this address can be put into a finished mail as it is."""
    return len(text) <= LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(text))


@dataclass(frozen=True)
class Slot:
    """A place in the mail: which value, which part of it (a soft line break may cut it), and its piece's number."""

    name: str
    piece: int
    start: int
    stop: int | None


class Form:
    """One mail with places to fill in."""

    def __init__(self, pieces: Sequence[bytes], slots: Sequence[Slot], lengths: Mapping[str, int]) -> None:
        self._pieces, self._slots, self._lengths = pieces, slots, lengths

    def fill(self, values: Mapping[str, str], free: Mapping[str, str]) -> bytes | None:
        """The mail of one recipient; None where a value isn't plain or not as long as what stood there.

        What is `free` may have any length: the caller knows that it stands there well.
        """
        if any(len(values[name]) != length for name, length in self._lengths.items()):
            return None
        if not _PLAIN.fullmatch("".join([values[name] for name in self._lengths])):
            return None
        given = {name: value.encode() for name, value in {**values, **free}.items()}
        pieces = list(self._pieces)
        for slot in self._slots:
            pieces[slot.piece] = given[slot.name][slot.start : slot.stop]
        return b"".join(pieces)


def cut(
    content: bytes, marks: Mapping[str, str], times: Mapping[str, int], free: frozenset[str]
) -> Form | None:
    """The form of a mail in which `marks` stand for values by name, each so many times; None if some are not found.

    Values named in `free` may have any length, so they must stand unbroken.
    """
    parts = content.split(SOFT_BREAK)
    breaks = list(accumulate(len(part) for part in parts))[:-1]
    whole = b"".join(parts)
    names = {mark.encode(): name for name, mark in marks.items()}
    pieces, slots, found, end = list[bytes](), list[Slot](), dict.fromkeys(marks, 0), 0
    for match in re.finditer(b"|".join(map(re.escape, names)), whole):
        name, start, stop = names[match[0]], match.start(), match.end()
        inside = [at - start for at in breaks if start < at < stop]
        if inside and name in free:
            return None
        found[name] += 1
        pieces.append(_broken(whole, breaks, end, start))
        for part_start, part_stop in pairwise([0, *inside, None]):
            if part_start:
                pieces.append(SOFT_BREAK)
            slots.append(Slot(name, len(pieces), part_start or 0, part_stop))
            pieces.append(b"")
        end = stop
    lengths = {name: len(mark) for name, mark in marks.items() if name not in free}
    return (
        Form([*pieces, _broken(whole, breaks, end, len(whole))], slots, lengths)
        if found == dict(times)
        else None
    )


def _broken(whole: bytes, breaks: Sequence[int], start: int, stop: int) -> bytes:
    """This stretch with its soft line breaks, those at its ends too."""
    inside = [at for at in breaks if start <= at <= stop]
    return SOFT_BREAK.join(whole[one:other] for one, other in pairwise([start, *inside, stop]))
