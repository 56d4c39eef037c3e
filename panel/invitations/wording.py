"""What a letter must hold and what it must not, told all at once to who writes it (MAIL-01, LAW-05, NEV-05, NEV-07).

Not here: its versions and who may write or approve them (letter_versions.py), and how it is filled in (letters.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from panel.errors import BadInput
from panel.invitations.blocklist import WORDS as BLOCKED
from panel.invitations.blocklist import blocked_words
from panel.invitations.letters import OF_LETTER, OF_STUDY, Words, of_study
from panel.invitations.models import LetterKind
from panel.members.models import Study

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
    LetterKind.LINK_AGAIN: frozenset({"link", "closes"}),
    LetterKind.CONFIRM_ADDRESS: frozenset({"confirm_link"}),
    LetterKind.ADDRESS_NOTICE: frozenset({"cancel_link"}),
    LetterKind.COPY_READY: frozenset({"copy_link"}),
    LetterKind.RECONSENT: frozenset({"consent_link"}),
}
#: The only letters that have a link or a day to be filled in for these; elsewhere a placeholder would stay blank.
ONLY_IN: dict[str, frozenset[str]] = {
    name: frozenset(kind for kind, names in ALSO.items() if name in names)
    for name in ("link", "confirm_link", "cancel_link", "copy_link", "consent_link")
} | {
    "closes": frozenset(
        {
            LetterKind.PRE_NOTIFICATION, LetterKind.INVITATION, LetterKind.REMINDER, LetterKind.CONTINUE,
            LetterKind.THANKS, LetterKind.KEEP_IN_TOUCH, LetterKind.INTERVIEW_REQUEST, LetterKind.LINK_AGAIN,
        }
    )
}  # fmt: skip
#: Mail programs show about so much of a letter beside its subject, on a locked telephone too.
PREHEADER = 100
LONGEST = {"subject": 120, "body": 10_000, "shared_line": 300}

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FOREIGN = re.compile(r"\w:/|mailto:|www\.|\w\.[a-z]{2,}/|<|>", re.IGNORECASE)
#: Characters that turn other characters round unseen, so that a reader sees other words than stand there.
_TURNING = re.compile("[\u202a-\u202e]")


@dataclass(frozen=True)
class Placeholder:
    """What stands for a name in braces, with an invented example."""

    sentence: str | Promise
    example: str = ""


#: In the order in which a writer meets them. Of the study's own the example is what the study says.
PLACEHOLDERS: Mapping[str, Placeholder] = {
    "study": Placeholder(gettext_lazy("the study’s name in letters")),
    "institution": Placeholder(gettext_lazy("who is responsible")),
    "contact": Placeholder(gettext_lazy("the e-mail address for questions")),
    "how_to_check": Placeholder(gettext_lazy("how to check that the letter is real, in this language")),
    "joined": Placeholder(gettext_lazy("month and year in which the member left the address"), "06.2022"),
    "for_whom": Placeholder(
        gettext_lazy(
            "a paragraph of its own: the line for shared addresses stands here where several members have one"
        )
    ),
    "mark": Placeholder(gettext_lazy("in the line for shared addresses only: whose letter it is"), "O…"),
    "link": Placeholder(gettext_lazy("the personal link to the questions")),
    "closes": Placeholder(gettext_lazy("the last day for answers"), "30.11.2027"),
    "stop_link": Placeholder(gettext_lazy("the way out: pause, no more letters, leave")),
    "own_link": Placeholder(gettext_lazy("the member’s own page")),
    "confirm_link": Placeholder(gettext_lazy("confirms a new address")),
    "cancel_link": Placeholder(gettext_lazy("stops a change of address")),
    "copy_link": Placeholder(gettext_lazy("fetches a copy of one’s data")),
    "consent_link": Placeholder(gettext_lazy("shows the new words to agree to")),
}
PARTS: Mapping[str, str | Promise] = {
    "subject": gettext_lazy("subject"),
    "body": gettext_lazy("letter"),
    "shared_line": gettext_lazy("line for shared addresses"),
    "study": gettext_lazy("what the study says of itself"),
}


def must_have(kind: str) -> frozenset[str]:
    """The placeholders without which a letter of this kind is refused."""
    always = ALWAYS - MEMBERS_OWN if kind == LetterKind.CONFIRM_ADDRESS else ALWAYS
    return always | ALSO.get(kind, frozenset())


def may_have(kind: str) -> frozenset[str]:
    """The placeholders that are filled in for a letter of this kind."""
    elsewhere = {name for name, kinds in ONLY_IN.items() if kind not in kinds}
    hidden = MEMBERS_OWN if kind == LetterKind.CONFIRM_ADDRESS else frozenset()
    return (OF_STUDY | OF_LETTER) - elsewhere - hidden


def check_words(words: Words, study: Study) -> None:
    """Refuses a letter that discloses something, lacks something or holds what a letter must not hold."""
    if found := problems(words, study):
        raise BadInput(" ".join(found))


def problems(words: Words, study: Study) -> list[str]:
    """All that stands in a letter's way, a sentence each."""
    return [*_placeholders(words), *_form(words), *_wording(words, of_study(study, words.language))]


def preheader(words: Words, study: Study) -> str:
    """What a mail program shows beside the subject: the letter's first words, as plain text."""
    return _first_words(words.body, of_study(study, words.language))


def _placeholders(words: Words) -> Iterator[str]:
    used = set(_PLACEHOLDER.findall(words.body))
    if unknown := used - OF_STUDY - OF_LETTER:
        yield _("Unknown placeholder in the letter: %(names)s.") % {"names": _listed(unknown)}
    if missing := must_have(words.kind) - used:
        yield _("The letter must have: %(names)s.") % {"names": _listed(missing)}
    strange = used & (OF_STUDY | OF_LETTER) - may_have(words.kind)
    if words.kind == LetterKind.CONFIRM_ADDRESS and strange & MEMBERS_OWN:
        yield _(
            "The letter to a new address may not have the member's own links: the address may be a stranger's."
        )
        strange -= MEMBERS_OWN
    if strange:
        yield _("A letter of this kind can't fill in: %(names)s.") % {"names": _listed(strange)}
    if "\n\n{for_whom}\n\n" not in f"\n\n{words.body}":
        yield _("{for_whom} must be a paragraph of its own.")
    if "{mark}" not in words.shared_line or set(_PLACEHOLDER.findall(words.shared_line)) != {"mark"}:
        yield _("The line for shared addresses must have {mark}, and no other placeholder.")
    if set(_PLACEHOLDER.findall(words.subject)) - {"study"} or "\n" in words.subject:
        yield _("The subject is one line and may have {study} only.")
    rest = _PLACEHOLDER.sub("", words.subject + words.body + words.shared_line)
    if "{" in rest or "}" in rest:
        yield _("A brace stands alone: a placeholder has one on each side.")


def _form(words: Words) -> Iterator[str]:
    for part, longest in LONGEST.items():
        if len(getattr(words, part)) > longest:
            yield _("Too long: %(part)s, at most %(longest)d characters.") % {
                "part": PARTS[part],
                "longest": longest,
            }
    if not words.subject.strip():
        yield _("Write a subject.")


def _wording(words: Words, of_study: Mapping[str, str]) -> Iterator[str]:
    if not all(of_study.values()):
        yield _("The study must say, in this language, who it is and how to check that a letter is real.")
    if re.search(r"\{\w*link", _first_words(words.body, of_study)):
        yield _(
            "A link stands among the first words, which mail programs show beside the subject: put a sentence "
            "before it."
        )
    if words.language.split("-")[0] not in BLOCKED:
        yield _(
            "There is no list yet of the words that disclose a topic in the language “%(language)s”. Without it "
            "its letters can't be checked; an operator adds it."
        ) % {"language": words.language}
    texts = {part: getattr(words, part) for part in LONGEST} | {"study": "\n".join(of_study.values())}
    found = [
        f"“{word}” ({PARTS[part]})"
        for part, text in texts.items()
        for word in dict.fromkeys(blocked_words(_PLACEHOLDER.sub(" ", text)))
    ]
    if found:
        yield _("The letter holds words that disclose its topic: %(words)s.") % {"words": ", ".join(found)}
    everything = "\n".join(texts.values())
    if _FOREIGN.search(everything):
        yield _("A letter is plain text, and its own links are the only ones in it.")
    if _TURNING.search(everything):
        yield _("The letter has invisible characters that turn others round. Write it without them.")


def _first_words(body: str, of_study: Mapping[str, str]) -> str:
    text = body.replace("{for_whom}", " ")
    for name, value in of_study.items():
        text = text.replace(f"{{{name}}}", value)
    return " ".join(text.split())[:PREHEADER]


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
