"""What a form, its letter and an entry must look like. Pure; no tables."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.models import Block, ConsentForm, heading_and_words

LANGUAGES = ("nb", "en", "uk", "ru")


Status = ConsentForm.Status

#: The whole life of a form; a draft may also be discarded. docs/states.md is made from it.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.APPROVED}),
    Status.APPROVED: frozenset({Status.RETIRED}),
    Status.RETIRED: frozenset(),
}


def may_become(status: str, wanted: Status) -> bool:
    """Whether a form may take this step."""
    return wanted in TRANSITIONS[Status(status)]


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
    position: int = 0


@dataclass(frozen=True)
class NewBlock:
    """The words of one block of the information letter in one language; the first line is its heading."""

    block: str
    language: str
    body: str


def letter_of(bodies: Mapping[str, str]) -> str:
    """The whole information letter of one language, as it is hashed: its blocks in their order."""
    return "\n\n".join(bodies[block] for block in Block.values if block in bodies)


def form_hash(version: str, blocks: Sequence[NewBlock], texts: Sequence[NewText]) -> str:
    """One hash over the version, the letter and all questions in all languages."""
    told = {
        "version": version,
        "letter": sorted((one.block, one.language, one.body) for one in blocks),
        "questions": sorted((one.question, list(one.grants), one.language, one.body) for one in texts),
    }
    return text_hash(json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def check_whole(
    blocks: Sequence[NewBlock], texts: Sequence[NewText], languages: Collection[str], purposes: set[str]
) -> None:
    """Refuses a draft that lacks a block, a language or a purpose, and names what it lacks (NO-02)."""
    if missing := list(lacking(blocks, texts, languages, purposes)):
        raise ConsentError(
            _("The form can't be approved yet. It lacks: %(missing)s.") % {"missing": "; ".join(missing)}
        )


def lacking(
    blocks: Sequence[NewBlock], texts: Sequence[NewText], languages: Collection[str], purposes: set[str]
) -> Iterator[str]:
    """What a form lacks, each in words."""
    told = {(one.block, one.language) for one in blocks if heading_and_words(one.body)[1]}
    for block in Block:
        if gaps := [language for language in languages if (block.value, language) not in told]:
            yield f"“{block.label}” ({', '.join(gaps)})"
    if not texts:
        yield _("a question")
    asked = {(one.question, one.language) for one in texts if one.body.strip()}
    for question, grants in {one.question: one.grants for one in texts}.items():
        if gaps := [language for language in languages if (question, language) not in asked]:
            yield _("the question “%(name)s” (%(languages)s)") % {
                "name": question,
                "languages": ", ".join(gaps),
            }
        if len(grants) != 1 or not purposes.issuperset(grants):
            yield _("one purpose of the question “%(name)s”") % {"name": question}
    counted = Counter(
        purpose for grants in {t.question: t.grants for t in texts}.values() for purpose in grants
    )
    for purpose in (purpose for purpose, times in counted.items() if times > 1):
        yield _("a single question on “%(purpose)s”") % {"purpose": purpose}


def check_writer(writers: Collection[str], approver: str) -> None:
    """Four eyes, without exception: who wrote in a form never approves it."""
    if approver in writers:
        raise ConsentError(_("Who wrote in a form doesn't approve it: another project leader does."))


def blocks_of(document: Mapping[str, Any]) -> list[NewBlock]:
    """The information letter of a form's document; a form from before this service may have none."""
    letter = document.get("letter", {})
    if not isinstance(letter, Mapping) or not set(letter) <= set(Block.values):
        raise ConsentError(
            _("The letter of the consent form has a block the service doesn't know. It knows: %(blocks)s.")
            % {"blocks": ", ".join(Block.values)}
        )
    blocks = []
    for name, bodies in letter.items():
        if not isinstance(bodies, Mapping) or not all(isinstance(body, str) for body in bodies.values()):
            raise ConsentError(_("The block “%(name)s” has no text by language.") % {"name": name})
        blocks += [NewBlock(name, language, body) for language, body in bodies.items() if body.strip()]
    return blocks


def drafted_texts(document: Mapping[str, Any], purposes: set[str]) -> list[NewText]:
    """The questions of a draft's document, which may still lack words; what they grant must be known."""
    questions = document.get("questions", {})
    if not isinstance(questions, Mapping):
        raise ConsentError(_("The consent form has no version or no questions."))
    return [
        NewText(name, grants, language, question[language], position)
        for position, (name, question) in enumerate(questions.items())
        for grants in [_grants(name, question, purposes)]
        for language in LANGUAGES
        if isinstance(question.get(language), str) and question[language].strip()
    ]


def texts_of(document: Mapping[str, Any], purposes: set[str]) -> list[NewText]:
    """The texts of a form's document; refuses a question that lacks a language or grants nothing known."""
    questions = document.get("questions")
    if not isinstance(document.get("version"), str) or not isinstance(questions, Mapping) or not questions:
        raise ConsentError(_("The consent form has no version or no questions."))
    return [
        text
        for position, (name, question) in enumerate(questions.items())
        for text in _texts_of_question(name, question, purposes, position)
    ]


def _texts_of_question(name: str, question: Any, purposes: set[str], position: int) -> list[NewText]:
    grants = _grants(name, question, purposes)
    bodies = [question.get(language) for language in LANGUAGES]
    if not all(isinstance(body, str) and body.strip() for body in bodies):
        raise ConsentError(_("The question “%(name)s” needs its text in nb, en, uk and ru.") % {"name": name})
    return [NewText(name, grants, *pair, position) for pair in zip(LANGUAGES, bodies, strict=True)]


def _grants(name: str, question: Any, purposes: set[str]) -> tuple[str, ...]:
    grants = question.get("grants") if isinstance(question, Mapping) else None
    if not isinstance(grants, list) or not grants or not purposes.issuperset(grants):
        raise ConsentError(_("The question “%(name)s” grants no purpose the service knows.") % {"name": name})
    return tuple(grants)
