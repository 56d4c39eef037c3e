"""Reads: who agrees to what today, and the exact words that were shown. Writes nothing."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.models import ConsentEntry, ConsentForm, ConsentText
from consent.rules import text_hash

#: Above this many subjects, the whole study is read and cut down here: one statement either way.
ASK_BY_NAME = 500


def holding(*, study_key: UUID, subjects: Collection[str] | None, purpose: str) -> set[str]:
    """Those whose latest entry for the purpose is a yes; of `subjects`, or of the whole study. One query."""
    entries = ConsentEntry.objects.filter(study_key=study_key, purpose=purpose)
    if subjects is not None and len(subjects) <= ASK_BY_NAME:
        entries = entries.filter(subject__in=subjects)
    latest = entries.order_by().values("subject").annotate(latest=Max("id")).values("latest")
    yes = ConsentEntry.objects.filter(id__in=latest).exclude(action=ConsentEntry.Action.WITHDRAWN)
    held = set(yes.values_list("subject", flat=True).iterator())
    return held if subjects is None else held.intersection(subjects)


def history(*, study_key: UUID, subject: str) -> QuerySet[ConsentEntry]:
    """Everything one subject agreed to and withdrew, oldest first."""
    return ConsentEntry.objects.filter(study_key=study_key, subject=subject).order_by("id")


def text_of(*, study_key: UUID, version: str, question: str, language: str) -> ConsentText:
    """The words of one question, as they were approved."""
    texts = ConsentText.objects.select_related("form")
    found = texts.filter(
        form__study_key=study_key, form__version=version, question=question, language=language
    )
    return _unharmed(found.first())


def text_of_entry(entry: ConsentEntry) -> ConsentText:
    """The words an entry was given to (LAW-02); a withdrawal has none."""
    texts = ConsentText.objects.select_related("form")
    found = texts.filter(
        form__study_key=entry.study_key,
        form__version=entry.form_version,
        language=entry.language,
        sha256=entry.text_sha256,
    )
    return _unharmed(found.first())


def approved_text(*, study_key: UUID, purpose: str, language: str, body: str) -> ConsentText | None:
    """The approved text with exactly these words that grants this purpose; None if nobody approved them."""
    texts = ConsentText.objects.select_related("form").filter(
        form__study_key=study_key,
        form__status=ConsentForm.Status.APPROVED,
        language=language,
        sha256=text_hash(body),
    )
    return next((text for text in texts.order_by("-form__approved_on") if purpose in text.grants), None)


def _unharmed(text: ConsentText | None) -> ConsentText:
    if text is None:
        raise ConsentError(_("There is no such consent text."))
    if text_hash(text.body) != text.sha256:
        raise ConsentError(_("A consent text was changed after its approval: its hash no longer fits."))
    return text
