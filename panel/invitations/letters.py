"""What letters say: their words as data, the checks they must pass, and how one is made from them.

The HTML part is made from the text part, so both say the same (MAIL-02). A letter greets nobody by name: who
reads over a shoulder learns nothing. Not here: whether it may be sent, and sending.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput
from panel.invitations.blocklist import blocked_words
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.invitations.rules import PURPOSES
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb

#: Filled once per study and language.
OF_STUDY = frozenset({"institution", "study", "contact", "how_to_check"})
#: Filled for each letter. `joined` is month and year, as 06.2022: it reads the same in every language.
OF_LETTER = frozenset(
    {
        "link",
        "stop_link",
        "own_link",
        "confirm_link",
        "cancel_link",
        "copy_link",
        "consent_link",
        "joined",
        "closes",
        "for_whom",
    }
)
#: What each letter must have: who writes, where to ask, how to check, when the address was left, the way out
#: (LAW-05), the member's own page.
ALWAYS = frozenset(
    {"institution", "study", "contact", "how_to_check", "joined", "stop_link", "own_link", "for_whom"}
)
#: Not in the letter to an address that is still to be confirmed: who reads it may be a stranger.
MEMBERS_OWN = frozenset({"stop_link", "own_link"})
#: What a letter of a kind must have besides; those that aren't named need nothing more.
ALSO: dict[str, frozenset[str]] = {
    LetterKind.INVITATION: frozenset({"link", "closes"}),
    LetterKind.REMINDER: frozenset({"link", "closes"}),
    LetterKind.CONTINUE: frozenset({"link", "closes"}),
    LetterKind.INTERVIEW_REQUEST: frozenset({"link", "closes"}),
    LetterKind.CONFIRM_ADDRESS: frozenset({"confirm_link"}),
    LetterKind.ADDRESS_NOTICE: frozenset({"cancel_link"}),
    LetterKind.COPY_READY: frozenset({"copy_link"}),
    LetterKind.RECONSENT: frozenset({"consent_link"}),
}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FOREIGN = re.compile(r"https?:|www\.|<|>", re.IGNORECASE)


@dataclass(frozen=True)
class Words:
    """One letter's words before they are stored."""

    kind: str
    language: str
    subject: str
    body: str
    shared_line: str


@dataclass(frozen=True)
class Prepared:
    """A letter in one language with all that is the same for everybody already filled in."""

    subject: str
    sender: str
    reply_to: str
    language: str
    shared_line: str
    text: str
    html: str

    def fill(self, values: Mapping[str, str], mark: str) -> tuple[str, str]:
        """Text and HTML of one letter."""
        text, html = self.text, self.html
        # A card's mark comes from a name: escaped. The line ends in a paragraph break, or isn't there at all.
        line = self.shared_line.replace("{mark}", mark) + "\n\n" if mark else ""
        text = text.replace("{for_whom}\n\n", line)
        html = html.replace(_paragraph("{for_whom}"), _paragraph(escape(line.strip())) if line else "")
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
            html = html.replace(f"{{{name}}}", escape(value))
        return text, html


def prepare(words: LetterText, study: Study) -> Prepared:
    """Does all of rendering that is the same for every member."""
    text = words.body
    for name, value in of_study(study, words.language).items():
        text = text.replace(f"{{{name}}}", value)
    return Prepared(
        subject=words.subject.replace("{study}", study.public_name),
        sender=study.public_name,
        reply_to=study.contact_email,
        language=words.language,
        shared_line=words.shared_line,
        text=text,
        html=_html(text, words.language),
    )


def of_study(study: Study, language: str) -> dict[str, str]:
    """What a study puts into each of its letters."""
    checks: dict[str, str] = json.loads(study.how_to_check) if study.how_to_check else {}
    return {
        "institution": study.institution,
        "study": study.public_name,
        "contact": study.contact_email,
        "how_to_check": checks.get(language, ""),
    }


def marks(household: Mapping[str, str]) -> dict[str, str]:
    """What tells the letters to one address apart: {member code: first name} -> {member code: mark}.

    The first letter of the name; with the last one where two begin alike (Oleksandr, Oleksandra). A
    household knows who is meant; anybody else learns less than the address itself tells. A full name would
    say which of them takes part, and a number or a colour would have to be agreed on beforehand. Only where
    even that is the same (a father and a son) a number follows: by code, so that a person's letters always
    bear the same one.
    """
    for style in (_first, _first_and_last):
        made = {code: style(name.strip()) for code, name in household.items()}
        if len(set(made.values())) == len(made):
            return made
    return {code: f"{made[code]} ({number})" for number, code in enumerate(sorted(made), start=1)}


def _first(name: str) -> str:
    return f"{name[:1].upper()}…"


def _first_and_last(name: str) -> str:
    return f"{name[:1].upper()}…{name[-1:].lower()}"


@transaction.atomic
def import_letters(*, by: Actor, study: Study, document: Mapping[str, Any], now: datetime) -> list[Letter]:
    """Takes in the letters of one language as drafts: {"language", "letters": {kind: {"subject", "body",
    …}}}.
    """
    if not permissions.may(by, study, Verb.PLAN_WAVE):
        permissions.check(by, study, Verb.APPROVE_LETTER)
    letters = []
    for words in _read(document):
        check_words(words, study)
        letters.append(_store(by, study, words, now))
    detail = {"language": document["language"], "kinds": [letter.kind for letter in letters]}
    audit.record(by=by, verb="letters.imported", now=now, study=study.slug, detail=detail)
    return letters


@transaction.atomic
def approve_letters(*, by: Actor, study: Study, now: datetime) -> int:
    """Approves the study's drafts; from then on their words can't be changed. Returns how many."""
    permissions.check(by, study, Verb.APPROVE_LETTER)
    drafts = Letter.objects.filter(study=study, state=Letter.State.DRAFT)
    for draft in drafts.prefetch_related("texts"):
        _check_languages(draft, study)
        for text in draft.texts.all():  # the study's own words may have changed since the import
            check_words(words_of(draft, text), study)
    approved = drafts.update(state=Letter.State.APPROVED, approved_by=by.name, approved_at=now)
    audit.record(by=by, verb="letters.approved", now=now, study=study.slug, detail={"letters": approved})
    return approved


def words_of(letter: Letter, text: LetterText) -> Words:
    """A stored text as it is checked."""
    return Words(letter.kind, text.language, text.subject, text.body, text.shared_line)


def _check_languages(letter: Letter, study: Study) -> None:
    written = {text.language for text in letter.texts.all()}
    if missing := [language for language in study.languages if language not in written]:
        sentence = _("The letter “%(kind)s” lacks its words in: %(languages)s.")
        names = {"kind": letter.get_kind_display(), "languages": ", ".join(missing)}
        raise BadInput(sentence % names)


def check_words(words: Words, study: Study) -> None:
    """Refuses a letter that discloses something, lacks something or holds what a letter must not hold."""
    used = set(_PLACEHOLDER.findall(words.body))
    if unknown := used - OF_STUDY - OF_LETTER:
        raise BadInput(
            _("Unknown placeholder in the letter: %(names)s.") % {"names": ", ".join(sorted(unknown))}
        )
    if missing := must_have(words.kind) - used:
        raise BadInput(_("The letter must have: %(names)s.") % {"names": ", ".join(sorted(missing))})
    if words.kind == LetterKind.CONFIRM_ADDRESS and used & MEMBERS_OWN:
        raise BadInput(
            _(
                "The letter to a new address may not have the member's own links: the address may be a stranger's."
            )
        )
    if "\n\n{for_whom}\n\n" not in f"\n\n{words.body}":
        raise BadInput(_("{for_whom} must be a paragraph of its own."))
    if "{mark}" not in words.shared_line:
        raise BadInput(_("The line for shared addresses must have {mark}."))
    if "\n" in words.subject or set(_PLACEHOLDER.findall(words.subject)) - {"study"}:
        raise BadInput(_("The subject is one line and may have {study} only."))
    _check_wording(words, of_study(study, words.language))


def must_have(kind: str) -> frozenset[str]:
    """The placeholders without which a letter of this kind is refused."""
    always = ALWAYS - MEMBERS_OWN if kind == LetterKind.CONFIRM_ADDRESS else ALWAYS
    return always | ALSO.get(kind, frozenset())


def _check_wording(words: Words, of_study: Mapping[str, str]) -> None:
    if not all(of_study.values()):
        raise BadInput(
            _("The study must say, in this language, who it is and how to check that a letter is real.")
        )
    all_words = "\n".join([words.subject, words.body, words.shared_line, *of_study.values()])
    if found := blocked_words(_PLACEHOLDER.sub(" ", all_words)):
        sentence = _("The letter holds words that disclose its topic: %(words)s.")
        raise BadInput(sentence % {"words": ", ".join(sorted(set(found)))})
    if _FOREIGN.search(all_words):
        raise BadInput(_("A letter is plain text, and its own links are the only ones in it."))


def _read(document: Mapping[str, Any]) -> list[Words]:
    try:
        language = str(document["language"])
        return [
            Words(
                kind=LetterKind(kind).value,
                language=language,
                subject=words["subject"].strip(),
                body="\n\n".join(words["body"]).strip() + "\n",
                shared_line=words["shared_line"].strip(),
            )
            for kind, words in document["letters"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(_("This is not a file of letters: see the example study's for the form.")) from error


def _store(by: Actor, study: Study, words: Words, now: datetime) -> Letter:
    """Into the draft; where the newest version is approved and says something else, into a new one made from it."""
    versions = Letter.objects.filter(study=study, kind=words.kind, name=Letter.STANDARD)
    newest = versions.order_by("-version").first()
    if newest is None or newest.state != Letter.State.DRAFT:
        if newest and newest.texts.filter(**_fields(words)).exists():
            return newest
        newest = _next_version(by, study, words.kind, newest, now)
    LetterText.objects.update_or_create(letter=newest, language=words.language, defaults=_fields(words))
    return newest


def _fields(words: Words) -> dict[str, str]:
    return {
        "language": words.language,
        "subject": words.subject,
        "body": words.body,
        "shared_line": words.shared_line,
    }


def _next_version(by: Actor, study: Study, kind: str, before: Letter | None, now: datetime) -> Letter:
    draft = Letter.objects.create(
        study=study,
        kind=kind,
        version=before.version + 1 if before else 1,
        purpose=PURPOSES.get(kind, Purpose.SERVICE),
        made_by=by.name,
        made_at=now,
    )
    for text in before.texts.all() if before else ():
        LetterText.objects.create(letter=draft, **_fields(words_of(before, text)))  # type: ignore[arg-type]
    return draft


class Shelf:
    """The approved letters of some studies, each prepared once; a member's language first, then the
    study's. A study that may send has them all (readiness.py).
    """

    def __init__(self, studies: Collection[Study]) -> None:
        approved = LetterText.objects.filter(letter__study__in=studies, letter__approved_at__isnull=False)
        newest_last = approved.select_related("letter__study").order_by("letter__version")
        self._texts: dict[Any, LetterText] = {}
        for text in newest_last:
            self._texts[text.letter_id, text.language] = text
            if text.letter.name == Letter.STANDARD and text.letter.state == Letter.State.APPROVED:
                self._texts[text.letter.study_id, text.letter.kind, text.language] = text
        self._prepared: dict[Any, Prepared] = {}

    def find(self, member: PanelMember, kind: str, letter: UUID | None = None) -> Prepared:
        """This letter, else the newest of its kind, for this member."""
        which = (letter,) if letter else (member.study_id, kind)
        key = (*which, member.language)
        if key not in self._texts:
            key = (*which, member.study.default_language)
        if key not in self._prepared:
            text = self._texts[key]
            self._prepared[key] = prepare(text, text.letter.study)
        return self._prepared[key]


def _paragraph(inner: str) -> str:
    return f"<p>{inner}</p>\n"


def _html(text: str, language: str) -> str:
    """Paragraphs and links, nothing else: no image, no style, nothing loaded."""
    paragraphs = (
        escape(block.strip()).replace("\n", "<br>\n") for block in text.split("\n\n") if block.strip()
    )
    body = "".join(_paragraph(_linked(paragraph)) for paragraph in paragraphs)
    head = f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8"></head><body>\n'
    return f"{head}{body}</body></html>\n"


def _linked(paragraph: str) -> str:
    for name in sorted(name for name in OF_LETTER if name.endswith("link")):
        paragraph = paragraph.replace(f"{{{name}}}", f'<a href="{{{name}}}">{{{name}}}</a>')
    return paragraph
