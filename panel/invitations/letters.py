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

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations.blocklist import blocked_words
from panel.invitations.models import Letter, LetterKind
from panel.invitations.rules import SURVEY_MAIL
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


def prepare(letter: Letter) -> Prepared:
    """Does all of rendering that is the same for every member."""
    study = letter.study
    text = letter.body
    for name, value in of_study(study, letter.language).items():
        text = text.replace(f"{{{name}}}", value)
    return Prepared(
        subject=letter.subject.replace("{study}", study.public_name),
        sender=study.public_name,
        reply_to=study.contact_email,
        language=letter.language,
        shared_line=letter.shared_line,
        text=text,
        html=_html(text, letter.language),
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
        letters.append(_store(study, words))
    detail = {"language": document["language"], "kinds": [letter.kind for letter in letters]}
    audit.record(by=by, verb="letters.imported", now=now, study=study.slug, detail=detail)
    return letters


@transaction.atomic
def approve_letters(*, by: Actor, study: Study, now: datetime) -> int:
    """Approves the study's drafts; from then on their words can't be changed. Returns how many."""
    permissions.check(by, study, Verb.APPROVE_LETTER)
    drafts = Letter.objects.filter(study=study, approved_at=None)
    for draft in drafts:  # the study's own words may have changed since the import
        check_words(Words(draft.kind, draft.language, draft.subject, draft.body, draft.shared_line), study)
    approved = drafts.update(approved_by=by.name, approved_at=now)
    audit.record(by=by, verb="letters.approved", now=now, study=study.slug, detail={"letters": approved})
    return approved


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


def _store(study: Study, words: Words) -> Letter:
    found = Letter.objects.filter(study=study, kind=words.kind, language=words.language).first()
    letter = found or Letter(study=study, kind=words.kind, language=words.language)
    same = (letter.subject, letter.body, letter.shared_line) == (words.subject, words.body, words.shared_line)
    if letter.approved_at and not same:
        raise NotNow(_("The letter is approved and can't be changed."))
    letter.purpose = Purpose.WAVES if words.kind in SURVEY_MAIL else Purpose.SERVICE
    letter.subject, letter.body, letter.shared_line = words.subject, words.body, words.shared_line
    letter.save()
    return letter


class Shelf:
    """The approved letters of some studies, each prepared once; a member's language first, then the
    study's. A study that may send has them all (readiness.py).
    """

    def __init__(self, studies: Collection[Study]) -> None:
        approved = Letter.objects.filter(study__in=studies, approved_at__isnull=False).select_related("study")
        self._letters = {(letter.study_id, letter.kind, letter.language): letter for letter in approved}
        self._prepared: dict[Any, Prepared] = {}

    def find(self, member: PanelMember, kind: str) -> Prepared:
        """The letter of this kind for this member."""
        key = (member.study_id, kind, member.language)
        if key not in self._letters:
            key = (member.study_id, kind, member.study.default_language)
        if key not in self._prepared:
            self._prepared[key] = prepare(self._letters[key])
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
