"""Keeps addresses, links and phone numbers out of the logs (NEV-02, NEV-09), whoever writes them.

A net under the rule, not the rule itself: nothing of ours passes personal data to a logger.
"""

import logging
import re

_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[address]"),
    (re.compile(r"/([a-z])/[A-Za-z0-9_-]{20,}"), r"/\1/[token]"),
    (re.compile(r"\+\d[\d ()-]{7,}\d"), "[phone]"),
    # As people write one at home: 98 76 54 32, 0671234567. Not within a word, a time, a path or an id.
    (re.compile(r"(?<![\w.:/+-])\d(?: ?\d){7,14}(?![\w:/-])"), "[phone]"),
    # PostgreSQL shows the row or the statement that it refused.
    (re.compile(r"^(\s*(?:DETAIL|CONTEXT|LINE \d+):).*", re.MULTILINE), r"\1 [data]"),
)


def masked(text: str) -> str:
    """`text` without addresses, link tokens and phone numbers."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text


class Mask(logging.Filter):
    """Masks each record, its traceback included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = masked(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        return True
