"""A study's letters as JSON files, one a language: taken in as drafts, and written out so that they go in again.

`{"language", "letters": {kind: {"subject", "shared_line", "body": [paragraph, …]}}}`; a letter with a name of its
own stands at `kind/name`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput
from panel.invitations import letter_versions as versions
from panel.invitations import wording
from panel.invitations.letters import Words, words_of
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb


@transaction.atomic
def import_letters(*, by: Actor, study: Study, document: Mapping[str, Any], now: datetime) -> list[Letter]:
    """Takes in the letters of one language, into drafts; those whose newest version says just that stay as they are."""
    permissions.check(by, study, Verb.DRAFT_LETTER)
    Study.objects.select_for_update().get(pk=study.pk)
    found = _read(document)
    problems = [f"{name}: {one}" for name, words in found.items() for one in wording.problems(words, study)]
    if problems:
        raise BadInput(" ".join(problems))
    letters = _store(by, study, {_key(name): words for name, words in found.items()}, now)
    detail = {"language": document["language"], "kinds": list(found)}
    audit.record(by=by, verb="letters.imported", now=now, study=study.slug, detail=detail)
    return letters


def export_letters(study: Study) -> list[dict[str, Any]]:
    """A document for each language: the newest version of each letter, draft or approved."""
    newest = versions.newest_of(Letter.objects.filter(study=study).exclude(state=Letter.State.RETIRED))
    languages = sorted({text.language for letter in newest.values() for text in letter.texts.all()})
    return [
        {"language": language, "letters": _written(newest.values(), language)}  # noqa: RUF100
        for language in languages
    ]


def _written(letters: Any, language: str) -> dict[str, Any]:
    order = LetterKind.values
    return {
        letter.kind if letter.name == Letter.STANDARD else f"{letter.kind}/{letter.name}": _as_json(text)
        for letter in sorted(letters, key=lambda one: (order.index(one.kind), one.name))
        for text in letter.texts.all()
        if text.language == language
    }


def _as_json(text: LetterText) -> dict[str, Any]:
    return {
        "subject": text.subject,
        "shared_line": text.shared_line,
        "body": text.body.rstrip("\n").split("\n\n"),
    }


def _read(document: Mapping[str, Any]) -> dict[str, Words]:
    try:
        language = str(document["language"])
        return {
            name: versions.tidied(
                Words(
                    kind=LetterKind(name.partition("/")[0]).value,
                    language=language,
                    subject=words["subject"],
                    body="\n\n".join(words["body"]),
                    shared_line=words["shared_line"],
                )
            )
            for name, words in document["letters"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(_("This is not a file of letters: see the example study's for the form.")) from error


def _key(full_name: str) -> versions.Key:
    kind, _slash, name = full_name.partition("/")
    return kind, name or Letter.STANDARD


def _store(by: Actor, study: Study, found: Mapping[versions.Key, Words], now: datetime) -> list[Letter]:
    """Into the drafts; where the newest version is approved and says something else, into a new one made from it."""
    newest = versions.newest_each(study)
    other = {key: words for key, words in found.items() if not _says(newest.get(key), words)}
    ended = {key: one for key in other if (one := newest.get(key)) is None or one.state != Letter.State.DRAFT}
    newest |= versions.next_versions(by=by, study=study, newest=ended, now=now)
    versions.put(by=by, words={newest[key]: words for key, words in other.items()})
    return [newest[key] for key in found]


def _says(letter: Letter | None, words: Words) -> bool:
    """Whether this version is in use or a draft, and says just that in this language."""
    if letter is None or letter.state == Letter.State.RETIRED:
        return False
    return any(
        words_of(letter, text) == words for text in letter.texts.all() if text.language == words.language
    )
