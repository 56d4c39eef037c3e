"""Writes: forms with their exact wording, and lines of the ledger. What holds today is read by selectors."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.models import ConsentEntry, ConsentForm, ConsentText, Purpose
from consent.rules import NewEntry, NewText, text_hash, texts_of

__all__ = ["NewEntry", "import_form", "record", "withdraw"]

BATCH = 1000


@transaction.atomic
def import_form(*, study_key: UUID, document: Mapping[str, Any], day: date) -> ConsentForm:
    """Take over a form as it was shown, approved at once with its hashes frozen.

    The same form again is left as it is; other words under a known version are refused, for the ledger
    points to the old ones.
    """
    texts = texts_of(document, set(Purpose.values))
    form, new = ConsentForm.objects.get_or_create(study_key=study_key, version=document["version"])
    if not new:
        _refuse_other_words(form, texts)
        return form
    ConsentText.objects.bulk_create(
        ConsentText(
            form=form,
            question=text.question,
            grants=list(text.grants),
            language=text.language,
            body=text.body,
            sha256=text_hash(text.body),
        )
        for text in texts
    )
    form.approve(day)
    return form


def _refuse_other_words(form: ConsentForm, texts: Sequence[NewText]) -> None:
    known = {(t.question, tuple(t.grants), t.language, t.sha256) for t in form.texts.all()}
    if known != {(t.question, t.grants, t.language, text_hash(t.body)) for t in texts}:
        raise ConsentError(
            _("The consent form %(version)s is approved with other words. Give the new words a new version.")
            % {"version": form.version}
        )


@transaction.atomic
def record(entries: Sequence[NewEntry]) -> None:
    """Write entries in sets; each yes must point to approved words that grant its purpose (LAW-02)."""
    granted = _granted({entry.study_key for entry in entries})
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


def _check(entry: NewEntry, granted: Granted) -> None:
    if entry.purpose not in Purpose.values or entry.action not in ConsentEntry.Action.values:
        raise ConsentError(_("A consent entry has an unknown purpose or action."))
    if entry.action == ConsentEntry.Action.WITHDRAWN:
        return
    key = (entry.study_key, entry.form_version, entry.language, entry.text_sha256)
    if entry.purpose not in granted.get(key, set()):
        raise ConsentError(
            _("A consent entry points to no approved text that grants “%(purpose)s”.")
            % {"purpose": entry.purpose}
        )


def withdraw(*, study_key: UUID, subject: str, purposes: Collection[str], channel: str, day: date) -> None:
    """A withdrawal is an entry like any other, and the latest one decides. It needs no earlier yes."""
    record(
        [
            NewEntry(study_key, subject, purpose, ConsentEntry.Action.WITHDRAWN, "", "", "", channel, day)
            for purpose in purposes
        ]
    )
