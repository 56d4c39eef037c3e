"""What a form and an entry must look like. Pure; no tables."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from consent.errors import ConsentError

LANGUAGES = ("nb", "en", "uk", "ru")


def text_hash(body: str) -> str:
    """SHA-256 of the exact words in UTF-8, in hexadecimal."""
    return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True)
class NewEntry:
    """One line to be written to the ledger."""

    study_key: UUID
    subject: str
    purpose: str
    action: str
    form_version: str
    text_sha256: str
    language: str
    channel: str
    day: date


@dataclass(frozen=True)
class NewText:
    """The words of one question in one language, as a form's document gives them."""

    question: str
    grants: tuple[str, ...]
    language: str
    body: str


def texts_of(document: Mapping[str, Any], purposes: set[str]) -> list[NewText]:
    """The texts of a form's document; refuses a question that lacks a language or grants nothing known."""
    questions = document.get("questions")
    if not isinstance(document.get("version"), str) or not isinstance(questions, Mapping) or not questions:
        raise ConsentError(_("The consent form has no version or no questions."))
    return [
        text for name, question in questions.items() for text in _texts_of_question(name, question, purposes)
    ]


def _texts_of_question(name: str, question: Any, purposes: set[str]) -> list[NewText]:
    grants = question.get("grants") if isinstance(question, Mapping) else None
    if not isinstance(grants, list) or not grants or not purposes.issuperset(grants):
        raise ConsentError(_("The question “%(name)s” grants no purpose the service knows.") % {"name": name})
    bodies = [question.get(language) for language in LANGUAGES]
    if not all(isinstance(body, str) and body.strip() for body in bodies):
        raise ConsentError(_("The question “%(name)s” needs its text in nb, en, uk and ru.") % {"name": name})
    return [NewText(name, tuple(grants), *pair) for pair in zip(LANGUAGES, bodies, strict=True)]
