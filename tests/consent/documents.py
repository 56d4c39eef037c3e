"""A form's document that lacks nothing, made of invented words; tests take parts away."""

from typing import Any

from consent.models import Block
from consent.rules import LANGUAGES

PURPOSES = ("waves", "interview", "archive")


def whole_document(version: str = "2024-03-01", **changes: Any) -> dict[str, Any]:
    """All blocks and three questions in four languages."""
    document: dict[str, Any] = {
        "version": version,
        "letter": {
            block: {
                lang: f"Heading of {block} ({lang})\n\nWords of {block}, {version}, in {lang}."
                for lang in LANGUAGES
            }
            for block in Block.values
        },
        "questions": {
            purpose: {
                "grants": [purpose],
                **{lang: f"May we: {purpose}, {version}? ({lang})" for lang in LANGUAGES},
            }
            for purpose in PURPOSES
        },
    }
    return {**document, **changes}
