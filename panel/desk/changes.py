"""What changed between two texts, word by word, for a page to show. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

WORDS = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True)
class Piece:
    """Some words that stand in both, or only before, or only now."""

    kind: str  # same, gone, new
    text: str


def changes(before: str, now: str) -> list[Piece]:
    """The pieces of both texts in reading order; all of `before` is in same and gone, all of `now` in same and new."""
    return list(_pieces(WORDS.findall(before), WORDS.findall(now)))


def _pieces(before: list[str], now: list[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(None, before, now, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(before[a:b]))
            continue
        if a < b:
            yield Piece("gone", "".join(before[a:b]))
        if c < d:
            yield Piece("new", "".join(now[c:d]))
