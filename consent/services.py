"""Lines of the ledger, and forms that people signed before this service. What holds today is read by selectors.

Not here: how a form is drafted and approved (forms.py).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.forms import begin, write_texts
from consent.models import ConsentEntry, ConsentForm, ConsentText, InformationBlock, Purpose
from consent.rules import NewBlock, NewText, blocks_of, form_hash, letter_of, text_hash, texts_of
from consent.rules import NewEntry as NewEntry  # what `record` is given

BATCH = 1000
Action = ConsentEntry.Action


@transaction.atomic
def import_form(*, study_key: UUID, document: Mapping[str, Any], day: date) -> ConsentForm:
    """Take over a form as people signed it elsewhere, approved at once with its hashes frozen.

    One question may grant several purposes here, for so it was asked. The same form again is left as it is;
    other words under a known version are refused, for the ledger points to the old ones.
    """
    texts, blocks = texts_of(document, set(Purpose.values)), blocks_of(document)
    form, new = begin(study_key=study_key, version=document["version"])
    if not new:
        _refuse_other_words(form, texts, blocks)
        return form
    write_texts(form, blocks, texts)
    form.approve(day, sha256=form_hash(form.version, blocks, texts))
    return form


def _refuse_other_words(form: ConsentForm, texts: Sequence[NewText], blocks: Sequence[NewBlock]) -> None:
    known = {(t.question, tuple(t.grants), t.language, t.sha256) for t in form.texts.all()}
    told = {(b.block, b.language, b.sha256) for b in form.blocks.all()}
    if known != {(t.question, t.grants, t.language, text_hash(t.body)) for t in texts} or told != {
        (b.block, b.language, text_hash(b.body)) for b in blocks
    }:
        raise ConsentError(
            _("The consent form %(version)s is approved with other words. Give the new words a new version.")
            % {"version": form.version}
        )


@transaction.atomic
def record(entries: Sequence[NewEntry]) -> None:
    """Write entries in sets; each yes must point to approved words that grant its purpose (LAW-02).

    Who was informed must point to an approved letter; a no may say to which words it was said.
    """
    granted = _granted({entry.study_key for entry in entries if entry.text_sha256})
    if any(entry.action == Action.INFORMED for entry in entries):
        granted |= _told({entry.study_key for entry in entries})
    for entry in entries:
        _check(entry, granted)
    ConsentEntry.objects.bulk_create((ConsentEntry(**vars(entry)) for entry in entries), batch_size=BATCH)


Granted = dict[tuple[UUID, str, str, str], set[str]]


def _granted(study_keys: set[UUID]) -> Granted:
    """For each approved text, by study, version, language and hash: what a yes to it grants."""
    texts = ConsentText.objects.select_related("form").filter(form__study_key__in=study_keys)
    granted: Granted = {}
    for text in texts.exclude(form__status=ConsentForm.Status.DRAFT):
        key = (text.form.study_key, text.form.version, text.language, text.sha256)
        granted.setdefault(key, set()).update(text.grants)
    return granted


def _told(study_keys: set[UUID]) -> Granted:
    """For each approved letter, by study, version, language and hash: every purpose, for it tells of all."""
    blocks = InformationBlock.objects.select_related("form").filter(form__study_key__in=study_keys)
    letters: dict[tuple[UUID, str, str], dict[str, str]] = {}
    for one in blocks.exclude(form__status=ConsentForm.Status.DRAFT):
        letters.setdefault((one.form.study_key, one.form.version, one.language), {})[one.block] = one.body
    return {(*key, text_hash(letter_of(bodies))): set(Purpose.values) for key, bodies in letters.items()}


def _check(entry: NewEntry, granted: Granted) -> None:
    if entry.purpose not in Purpose.values or entry.action not in Action.values:
        raise ConsentError(_("A consent entry has an unknown purpose or action."))
    if entry.action in ConsentEntry.NO and not entry.text_sha256:
        return
    key = (entry.study_key, entry.form_version, entry.language, entry.text_sha256)
    if entry.purpose not in granted.get(key, set()):
        raise ConsentError(
            _("A consent entry points to no approved text that grants “%(purpose)s”.")
            % {"purpose": entry.purpose}
        )


def withdraw(*, study_key: UUID, subject: str, purposes: Collection[str], channel: str, day: date) -> None:
    """A withdrawal is an entry like any other, and the latest one decides. It needs no earlier yes."""
    _say_no(Action.WITHDRAWN, study_key, subject, purposes, channel, day)


def object_to(*, study_key: UUID, subject: str, purposes: Collection[str], channel: str, day: date) -> None:
    """An objection, where the basis is public interest (LAW-11); that is checked above, with the study."""
    _say_no(Action.OBJECTED, study_key, subject, purposes, channel, day)


def inform(
    *,
    form: ConsentForm,
    languages: Mapping[str, str],
    purposes: Collection[str],
    channel: str,
    day: date,
) -> None:
    """These subjects were given the form's letter, each in their language (LAW-11)."""
    letters: dict[str, dict[str, str]] = {}
    for one in form.blocks.all():
        letters.setdefault(one.language, {})[one.block] = one.body
    hashes = {language: text_hash(letter_of(bodies)) for language, bodies in letters.items()}
    record(
        [
            NewEntry(form.study_key, subject, purpose, Action.INFORMED, form.version,
                     hashes.get(language, ""), language, channel, day)
            for subject, language in languages.items()
            for purpose in purposes
        ]
    )  # fmt: skip


def _say_no(
    action: Action, study_key: UUID, subject: str, purposes: Collection[str], channel: str, day: date
) -> None:
    record([NewEntry(study_key, subject, purpose, action, "", "", "", channel, day) for purpose in purposes])
