"""A letter's versions: drafted, written in each language, approved by another person, retired.

What is approved is never changed: a new version is drafted from it. Nobody approves words of their own, as with
consent forms: the list of words that disclose a topic is finite, and the second reader is the other half of it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.invitations import rules, wording
from panel.invitations.letters import Words, words_of
from panel.invitations.models import Letter, LetterKind, LetterText, Outgoing
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.waves.models import Wave

State = Letter.State
#: A letter's kind and its name.
Key = tuple[str, str]


@transaction.atomic
def draft(*, by: Actor, study: Study, kind: str, now: datetime, name: str = Letter.STANDARD) -> Letter:
    """The next version, with the words of the newest; a new name begins with the standard letter's words."""
    permissions.check(by, study, Verb.DRAFT_LETTER)
    _lock(study)
    if kind not in LetterKind.values or not name or name != slugify(name) or len(name) > 40:
        raise BadInput(_("A letter has a kind, and a short name of small letters, digits and dashes."))
    newest = _newest(study, kind, name)
    if newest and newest.state == State.DRAFT:
        raise NotNow(_("There is a draft of this letter already. Write in it, or delete it first."))
    standard = None if newest else _newest(study, kind, Letter.STANDARD)
    made = next_versions(by=by, study=study, newest={(kind, name): newest}, otherwise=standard, now=now)
    return made[kind, name]


@transaction.atomic
def write(*, by: Actor, letter: Letter, words: Words, now: datetime) -> LetterText:
    """A draft's words in one language; refused with all that is wrong with them."""
    permissions.check(by, letter.study, Verb.DRAFT_LETTER)
    held = _held(letter, State.DRAFT, _("An approved letter can't be changed. Write a new version."))
    if words.language not in held.study.languages:
        raise BadInput(_("The study has no such language."))
    words = tidied(words)
    wording.check_words(words, held.study)
    put(by=by, words={held: words})
    letter.writers = held.writers
    audit.record(
        by=by, verb="letter.written", now=now, study=held.study.slug, subject=label(held),
        detail={"language": words.language},
    )  # fmt: skip
    return held.texts.get(language=words.language)


@transaction.atomic
def approve(*, by: Actor, letter: Letter, now: datetime, seen: str = "") -> Letter:
    """From now on its words stand. `seen` is the fingerprint of what was read: other words aren't approved."""
    permissions.check(by, letter.study, Verb.APPROVE_LETTER)
    held = _held(letter, State.DRAFT, _("Only a draft can be approved."))
    if seen and seen != fingerprint(held):
        raise NotNow(_("The words were changed meanwhile. Load the page again and read them."))
    _check([held], by)
    _approve([held], by, held.study, now)
    return held


@transaction.atomic
def approve_all(*, by: Actor, study: Study, now: datetime) -> int:
    """Approves all drafts of a study, or none; returns how many."""
    permissions.check(by, study, Verb.APPROVE_LETTER)
    drafts = list(_drafts(study).select_related("study").prefetch_related("texts"))
    _check(drafts, by)
    _approve(drafts, by, study, now)
    audit.record(by=by, verb="letters.approved", now=now, study=study.slug, detail={"letters": len(drafts)})
    return len(drafts)


@transaction.atomic
def retire(*, by: Actor, letter: Letter, now: datetime) -> Letter:
    """No new plan takes it any more. What a wave or a waiting letter names, stays as it is."""
    permissions.check(by, letter.study, Verb.APPROVE_LETTER)
    _lock(letter.study)
    held = _held(letter, State.APPROVED, _("Only an approved letter can be retired."))
    if users := used_by(held):
        raise NotNow(" ".join(users))
    if held.name == Letter.STANDARD and not _others(held).exists():
        raise NotNow(_("It is the study's only approved letter of this kind. Approve a newer version first."))
    held.state, held.retired_by, held.retired_at = State.RETIRED, by.name, now
    held.save(update_fields=["state", "retired_by", "retired_at"])
    _tell(by, held.study, [held], "letter.retired", now)
    return held


@transaction.atomic
def discard(*, by: Actor, letter: Letter, now: datetime) -> None:
    """A draft that isn't wanted."""
    permissions.check(by, letter.study, Verb.DRAFT_LETTER)
    held = _held(letter, State.DRAFT, _("Only a draft can be deleted; an approved letter is retired."))
    if users := used_by(held):
        raise NotNow(" ".join(users))
    _tell(by, held.study, [held], "letter.discarded", now)
    held.delete()


def usable(study: Study, letter_id: str | UUID) -> Letter:
    """The version that a plan names, if letters may be sent of it: approved, of this study, in all its languages."""
    try:
        letter = Letter.objects.filter(study=study, pk=letter_id).prefetch_related("texts").first()
    except (ValidationError, TypeError) as error:
        raise BadInput(_("This is no letter of the study.")) from error
    if letter is None:
        raise NotFound(_("This is no letter of the study."))
    if letter.state != State.APPROVED:
        raise NotNow(_("The letter “%(letter)s” isn't approved.") % {"letter": letter})
    if gap := _without_words(letter):
        raise NotNow(gap)
    return letter


def newest_usable(study: Study, kind: str, name: str = Letter.STANDARD) -> Letter:
    """The version that a step without one gets; refused where the study has none."""
    newest = _of(study, kind, name).filter(state=State.APPROVED).order_by("-version").first()
    if newest is None:
        sentence = _("The study has no approved letter of the kind “%(kind)s”. Write one under Letters.")
        raise NotNow(sentence % {"kind": LetterKind(kind).label})
    return usable(study, newest.pk)


def lacks(letter: Letter) -> list[str]:
    """All that keeps a draft from being approved."""
    gap = _without_words(letter)
    found = [gap] if gap else []
    for text in sorted(letter.texts.all(), key=lambda text: text.language):
        found += [f"{text.language}: {one}" for one in wording.problems(words_of(letter, text), letter.study)]
    return found


def missing_languages(letter: Letter) -> list[str]:
    """The study's languages in which this version has no words."""
    written = {text.language for text in letter.texts.all()}
    return [language for language in letter.study.languages if language not in written]


def used_by(letter: Letter) -> list[str]:
    """What keeps a version as it is, a sentence each: waves whose plan names it, letters still to be sent."""
    waves = Wave.objects.filter(study=letter.study).exclude(status=Wave.Status.CLOSED).order_by("number")
    named = [wave for wave in waves if any(step.letter == str(letter.pk) for step in wave.planned.steps)]
    found = [
        _("The plan of the wave “%(wave)s” uses it until that closes.") % {"wave": wave.name}
        for wave in named
    ]
    if Outgoing.objects.filter(rules.ALIVE, letter=letter).exists():
        found.append(_("Letters of it are still in the outbox."))
    return found


def fingerprint(letter: Letter) -> str:
    """A hash of all its words: what was read is what gets approved."""
    texts = letter.texts.order_by("language").values_list("language", "subject", "body", "shared_line")
    return sha256(json.dumps(list(texts), ensure_ascii=False).encode()).hexdigest()


def tidied(words: Words) -> Words:
    """As browsers and editors send them: one kind of line end, one blank line between paragraphs, none around."""
    lines = [line.rstrip() for line in words.body.strip().splitlines()]
    paragraphs = [block for block in "\n".join(lines).split("\n\n") if block.strip()]
    return Words(
        words.kind,
        words.language,
        words.subject.strip(),
        "\n\n".join(block.strip("\n") for block in paragraphs) + "\n",
        words.shared_line.strip(),
    )


def put(*, by: Actor, words: Mapping[Letter, Words]) -> None:
    """Checked words into drafts, one language of each; who wrote them stands there. For a service that holds them."""
    LetterText.objects.bulk_create(
        (_text(draft, one) for draft, one in words.items()),
        update_conflicts=True,
        unique_fields=["letter", "language"],
        update_fields=["subject", "body", "shared_line"],
    )
    for draft in words:
        draft.writers = sorted({*draft.writers, by.name})
    Letter.objects.bulk_update(words, ["writers"])


def newest_each(study: Study) -> dict[Key, Letter]:
    """The newest version of each letter, whatever its state, with its words; drafts are held from here on."""
    list(_drafts(study))
    return newest_of(Letter.objects.filter(study=study))


def newest_of(letters: QuerySet[Letter]) -> dict[Key, Letter]:
    """The newest version of each letter among these, with its words."""
    by_version = letters.order_by("version").prefetch_related("texts")
    return {(letter.kind, letter.name): letter for letter in by_version}


def next_versions(
    *,
    by: Actor,
    study: Study,
    newest: Mapping[Key, Letter | None],
    now: datetime,
    otherwise: Letter | None = None,
) -> dict[Key, Letter]:
    """Drafts with the words of the newest version, or else of another letter; they stay that one's writers'."""
    made = {
        (kind, name): Letter(
            study=study,
            kind=kind,
            name=name,
            version=before.version + 1 if before else 1,
            purpose=rules.PURPOSES.get(kind, Purpose.SERVICE),
            made_by=by.name,
            made_at=now,
        )
        for (kind, name), before in newest.items()
    }
    Letter.objects.bulk_create(made.values())
    LetterText.objects.bulk_create(
        _text(made[key], one)
        for key, before in newest.items()
        if (source := before or otherwise)
        for one in sorted(source.texts.all(), key=lambda text: text.language)
    )
    _tell(by, study, made.values(), "letter.drafted", now)
    return made


def _text(letter: Letter, one: Words | LetterText) -> LetterText:
    return LetterText(
        letter=letter, language=one.language, subject=one.subject, body=one.body, shared_line=one.shared_line
    )


def label(letter: Letter) -> str:
    """A version as the audit trail names it."""
    return f"{letter.kind}/{letter.name}/{letter.version}"


def _drafts(study: Study) -> QuerySet[Letter]:
    """Held in one order, so that two who hold several don't wait for each other."""
    return (
        Letter.objects.select_for_update(of=("self",)).filter(study=study, state=State.DRAFT).order_by("pk")
    )


def _of(study: Study, kind: str, name: str) -> QuerySet[Letter]:
    return Letter.objects.filter(study=study, kind=kind, name=name)


def _newest(study: Study, kind: str, name: str) -> Letter | None:
    return _of(study, kind, name).order_by("-version").first()


def _others(letter: Letter) -> QuerySet[Letter]:
    return _of(letter.study, letter.kind, letter.name).filter(state=State.APPROVED).exclude(pk=letter.pk)


def _lock(study: Study) -> None:
    """Versions are numbered one after the other."""
    Study.objects.select_for_update().get(pk=study.pk)


def _held(letter: Letter, state: str, otherwise: str) -> Letter:
    held = Letter.objects.select_for_update(of=("self",)).select_related("study").filter(pk=letter.pk).first()
    if held is None or held.state != state:
        raise NotNow(otherwise)
    return held


def _check(drafts: Iterable[Letter], by: Actor) -> None:
    """Each whole in each language, the study's own words too, which may have changed; and none of one's own."""
    for one in drafts:
        if by.name in one.writers:
            sentence = _("You wrote in the letter “%(letter)s”: another project leader approves it.")
            raise NotAllowed(sentence % {"letter": one})
    found = [gap for one in drafts for gap in lacks(one)]
    if found:
        raise BadInput(" ".join(found))


def _approve(drafts: Sequence[Letter], by: Actor, study: Study, now: datetime) -> None:
    for one in drafts:
        one.state, one.approved_by, one.approved_at = State.APPROVED, by.name, now
    Letter.objects.bulk_update(drafts, ["state", "approved_by", "approved_at"])
    _tell(by, study, drafts, "letter.approved", now)


def _without_words(letter: Letter) -> str:
    missing = missing_languages(letter)
    if not missing:
        return ""
    names = {"kind": letter.get_kind_display(), "languages": ", ".join(missing)}
    return _("The letter “%(kind)s” lacks its words in: %(languages)s.") % names


def _tell(by: Actor, study: Study, letters: Iterable[Letter], verb: str, now: datetime) -> None:
    audit.record_each(
        by=by, verb=verb, now=now, study=study.slug, told=((label(letter), {}) for letter in letters)
    )
