"""Reads: who agrees to what today, and the exact words that were shown. Writes nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.models import Block, ConsentEntry, ConsentForm, ConsentText, InformationBlock
from consent.rules import LANGUAGES, letter_of, text_hash

#: Above this many subjects, the whole study is read and cut down here: one statement either way.
ASK_BY_NAME = 2000


def holding(*, study_key: UUID, subjects: Collection[str] | None, purpose: str) -> set[str]:
    """Those whose latest entry for the purpose is neither a withdrawal nor an objection (LAW-03, LAW-11).

    Of `subjects`, or of the whole study; one query.
    """
    entries = ConsentEntry.objects.filter(study_key=study_key, purpose=purpose)
    if subjects is not None and len(subjects) <= ASK_BY_NAME:
        # By the index, whatever the planner knows of the table.
        named = entries.filter(subject__in=subjects).order_by("id").values_list("subject", "action")
        return {subject for subject, last in dict(named).items() if last not in ConsentEntry.NO}
    latest = entries.order_by().values("subject").annotate(latest=Max("id")).values("latest")
    yes = ConsentEntry.objects.filter(id__in=latest).exclude(action__in=ConsentEntry.NO)
    held = set(yes.values_list("subject", flat=True).iterator())
    return held if subjects is None else held.intersection(subjects)


def current_form(study_key: UUID, languages: Collection[str]) -> ConsentForm | None:
    """The form that is shown to people today: the latest approved one whose letter is whole in `languages`.

    Never one that was only imported as what people signed elsewhere: nobody here approved it.
    """
    return current_forms({study_key: languages}).get(study_key)


def current_forms(studies: Mapping[UUID, Collection[str]]) -> dict[UUID, ConsentForm]:
    """The same for many studies at once, given by key with their languages; a study without one is absent."""
    approved = ConsentForm.objects.filter(study_key__in=studies, status=ConsentForm.Status.APPROVED)
    blocks = Prefetch("blocks", InformationBlock.objects.only("form", "block", "language"))
    found: dict[UUID, ConsentForm] = {}
    for form in approved.exclude(approved_by="").order_by("-approved_on", "-number").prefetch_related(blocks):
        there = {(block.block, block.language) for block in form.blocks.all()}
        wanted = {(block, language) for block in Block.values for language in studies[form.study_key]}
        if form.study_key not in found and wanted <= there:
            found[form.study_key] = form
    return found


def letter(form: ConsentForm, language: str) -> list[InformationBlock]:
    """The information letter in one language, in its order; refused if its words were changed."""
    order = {block: place for place, block in enumerate(Block.values)}
    blocks = sorted(form.blocks.filter(language=language), key=lambda one: order[one.block])
    for block in blocks:
        _check_hash(block)
    return blocks


def letter_hash(blocks: Collection[InformationBlock]) -> str:
    """The hash that an entry of who was informed points to."""
    return text_hash(letter_of({block.block: block.body for block in blocks}))


def questions(form: ConsentForm, language: str) -> list[ConsentText]:
    """The questions of a form in one language, in their order; refused if their words were changed."""
    return [_unharmed(text) for text in form.texts.filter(language=language).order_by("position", "question")]


def signed_older(form: ConsentForm) -> set[str]:
    """Subjects who hold a purpose by other words and have not answered this form yet. Two queries."""
    entries = ConsentEntry.objects.filter(study_key=form.study_key)
    latest = entries.order_by().values("subject", "purpose").annotate(latest=Max("id")).values("latest")
    held = ConsentEntry.objects.filter(id__in=latest).exclude(action__in=ConsentEntry.NO)
    older = held.exclude(form_version=form.version).values_list("subject", flat=True)
    answered = entries.filter(form_version=form.version).values_list("subject", flat=True)
    return set(older.iterator()).difference(answered.iterator())


def said_to(form: ConsentForm) -> dict[str, tuple[int, int]]:
    """For each purpose how many said yes and how many said no to this form, by their latest answer to it."""
    entries = ConsentEntry.objects.filter(study_key=form.study_key, form_version=form.version)
    latest = entries.order_by().values("subject", "purpose").annotate(latest=Max("id")).values("latest")
    no = Count("id", filter=Q(action__in=ConsentEntry.NO))
    counted = ConsentEntry.objects.filter(id__in=latest).order_by().values("purpose")
    return {
        row["purpose"]: (row["all"] - row["no"], row["no"])
        for row in counted.annotate(all=Count("id"), no=no)
    }


@dataclass(frozen=True)
class Signed:
    """Words that entries point to: of which form, which part of it, in which language."""

    form: ConsentForm
    name: str
    language: str
    body: str


def words_of_hash(*, study_keys: Collection[UUID], sha256: str) -> list[Signed]:
    """All words with this hash that people agreed to or were informed by, reckoned anew (LAW-02)."""
    asked = ConsentText.objects.select_related("form").filter(form__study_key__in=study_keys, sha256=sha256)
    found = [
        Signed(text.form, text.question, text.language, _unharmed(text).body)
        for text in asked.exclude(form__status=ConsentForm.Status.DRAFT).order_by("form__number", "position")
    ]
    forms = ConsentForm.objects.filter(study_key__in=study_keys).exclude(status=ConsentForm.Status.DRAFT)
    for form in [] if found else forms.order_by("number"):
        for language in LANGUAGES:
            blocks = letter(form, language)
            if blocks and letter_hash(blocks) == sha256:
                body = letter_of({block.block: block.body for block in blocks})
                found.append(Signed(form, _("information letter"), language, body))
    return found


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
    """The words an entry was given to (LAW-02); most withdrawals have none."""
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
    return next((text for text in texts.order_by("-form__number") if purpose in text.grants), None)


def _unharmed(text: ConsentText | None) -> ConsentText:
    if text is None:
        raise ConsentError(_("There is no such consent text."))
    _check_hash(text)
    return text


def _check_hash(text: ConsentText | InformationBlock) -> None:
    if text_hash(text.body) != text.sha256:
        raise ConsentError(_("A consent text was changed after its approval: its hash no longer fits."))
