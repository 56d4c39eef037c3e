"""What letters say: their words as data, and how one is made from them.

The HTML part is made from the text part, so both say the same (MAIL-02). A letter greets nobody by name: who
reads over a shoulder learns nothing. Not here: what the words must be (wording.py), versions
(letter_versions.py), whether it may be sent, and sending.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from uuid import UUID

from panel.invitations.models import Letter, LetterText
from panel.members.models import PanelMember, Study

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
#: Languages written from right to left, by their usual script.
RTL = frozenset(
    {"ar", "arc", "azb", "ckb", "dv", "fa", "he", "ks", "prs", "ps", "sd", "syr", "ug", "ur", "yi"}
)
#: What stands between these runs in its own direction; in HTML they become <bdi>.
FSI, PDI = "\u2068", "\u2069"
BREAKS = "word-break:break-all"


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
        html = html.replace(_paragraph("{for_whom}"), self._line_html(mark) if mark else "")
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
            html = html.replace(f"{{{name}}}", escape(value))
        return text, html

    def _line_html(self, mark: str) -> str:
        shown = f"<bdi>{escape(mark)}</bdi>" if is_rtl(self.language) else escape(mark)
        return _paragraph(escape(self.shared_line).replace("{mark}", shown))


def prepare(words: LetterText, study: Study) -> Prepared:
    """Does all of rendering that is the same for every member."""
    text = shown = words.body
    for name, value in of_study(study, words.language).items():
        text = text.replace(f"{{{name}}}", value)
        shown = shown.replace(f"{{{name}}}", _apart(value) if is_rtl(words.language) else value)
    return Prepared(
        subject=words.subject.replace("{study}", study.public_name),
        sender=study.public_name,
        reply_to=study.contact_email,
        language=words.language,
        shared_line=words.shared_line,
        text=text,
        html=_html(shown, words.language),
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


def words_of(letter: Letter, text: LetterText) -> Words:
    """A stored text as it is checked."""
    return Words(letter.kind, text.language, text.subject, text.body, text.shared_line)


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
    """Paragraphs and links, nothing else: no image, nothing loaded."""
    paragraphs = (
        escape(block.strip()).replace("\n", "<br>\n") for block in text.split("\n\n") if block.strip()
    )
    rtl = is_rtl(language)
    body = "".join(_paragraph(_linked(paragraph, rtl=rtl)) for paragraph in paragraphs)
    if rtl:  # on an element of its own, for mail programs drop what stands at <html>
        body = f'<div dir="rtl">\n{body.replace(FSI, "<bdi>").replace(PDI, "</bdi>")}</div>\n'
    head = f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8"></head><body>\n'
    return f"{head}{body}</body></html>\n"


def _linked(paragraph: str, *, rtl: bool) -> str:
    """A link is longer than a phone is wide: it breaks, so that mail programs don't shrink the whole letter."""
    way = f' style="{BREAKS}"' + (' dir="ltr"' if rtl else "")
    for name in sorted(name for name in OF_LETTER if name.endswith("link")):
        paragraph = paragraph.replace(f"{{{name}}}", f'<a{way} href="{{{name}}}">{{{name}}}</a>')
    return paragraph


def is_rtl(language: str) -> bool:
    """Whether a language is written from right to left."""
    main, *more = language.lower().replace("_", "-").split("-")
    return "arab" in more or "hebr" in more or (main in RTL and "latn" not in more)


def _apart(value: str) -> str:
    """Each line of a value on its own, whichever way it runs: a Latin name in an Arabic sentence."""
    return "\n".join(f"{FSI}{line}{PDI}" if line.strip() else line for line in value.split("\n"))
