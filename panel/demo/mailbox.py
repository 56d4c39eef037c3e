"""Reads the catcher's Maildir as the simulated respondents do: each their own letters, by address.

Knows no database; what a letter holds is all a respondent gets.
"""

import email
import email.message
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mail:
    """One delivered letter."""

    to: str
    message_id: str
    text: str
    answer_link: str
    stop_link: str
    one_click_link: str
    return_path: str = ""

    def link(self, use: str) -> str:
        """The letter's link whose path begins with this letter; blank where it has none."""
        return _link(self.text, use)


class Mailbox:
    """The Maildir; `new()` gives what came since it was last asked."""

    def __init__(self, maildir: Path) -> None:
        self.maildir = maildir
        self._seen: set[str] = set()
        self.message_ids: Counter[str] = Counter()

    def new(self) -> Iterator[Mail]:
        for path in sorted(self.maildir.glob("new/*")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                mail = read(path.read_bytes())
                self.message_ids[mail.message_id] += 1
                yield mail

    @property
    def delivered(self) -> int:
        return sum(self.message_ids.values())

    @property
    def duplicates(self) -> int:
        """Letters delivered more than once: one Message-ID is one row of the outbox."""
        return self.delivered - len(self.message_ids)


def read(raw: bytes) -> Mail:
    """A delivered letter's address and links; blank where it has none."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    part = message.get_body(preferencelist=("plain",))
    text = part.get_content() if part else ""
    return Mail(
        to=str(message["To"]).strip("<> ").lower(),
        message_id=str(message["Message-ID"]),
        text=text,
        answer_link=_link(text, "a"),
        stop_link=_link(text, "m"),
        one_click_link=_link(str(message["List-Unsubscribe"] or ""), "o"),
        return_path=str(message["Return-Path"] or "").strip("<> "),
    )


def _link(text: str, use: str) -> str:
    match = re.search(rf"https?://[^\s<>]+/{use}/[A-Za-z0-9_-]+/?", text)
    return match.group(0) if match else ""
