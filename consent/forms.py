"""Forms from draft to retirement: letter and questions per language, approved once, frozen with their hash.

`writer` and `approver` are user names: who may at all is checked by the panel, with the study's roles.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from consent.models import Block, ConsentForm, ConsentText, InformationBlock, Purpose, refuse_if_approved
from consent.rules import (
    NewBlock,
    NewText,
    blocks_of,
    check_whole,
    check_writer,
    drafted_texts,
    form_hash,
    lacking,
    may_become,
    text_hash,
)

#: What a question can ask for. Service mail is what a member asked for or the law demands: nobody is asked.
ASKED = tuple(purpose for purpose in Purpose if purpose != Purpose.SERVICE)
Status = ConsentForm.Status


@transaction.atomic
def draft_form(*, study_key: UUID, document: Mapping[str, Any], writer: str) -> ConsentForm:
    """A draft from a document, which may still lack words; the version must be new."""
    texts, blocks = drafted_texts(document, set(ASKED)), blocks_of(document)
    form = _begin_draft(study_key, document.get("version"), writer)
    write_texts(form, blocks, texts)
    return form


@transaction.atomic
def new_version(*, form: ConsentForm, version: str, writer: str) -> ConsentForm:
    """A draft with the words of an older form; a question that granted several purposes becomes one for each."""
    draft = _begin_draft(form.study_key, version, writer, based_on=form)
    texts = [
        NewText(
            text.question if len(text.grants) == 1 else purpose, (purpose,), text.language, text.body, place
        )
        for text in form.texts.order_by("position", "question")
        for place, purpose in enumerate(text.grants, start=10 * text.position)
    ]
    write_texts(draft, new_blocks(form), texts)
    return draft


@transaction.atomic
def set_block(*, form: ConsentForm, block: str, bodies: Mapping[str, str], writer: str) -> None:
    """The words of one block, by language; blank words take a language away."""
    if block not in Block.values:
        raise ConsentError(_("There is no such block."))
    _note_writer(form, writer)
    form.blocks.filter(block=block).delete()
    write_texts(form, [NewBlock(block, *pair) for pair in _said(bodies)], [])


@transaction.atomic
def set_question(*, form: ConsentForm, purpose: str, bodies: Mapping[str, str], writer: str) -> None:
    """The words of the one question that asks for a purpose, by language; all blank takes the question away."""
    if purpose not in ASKED:
        raise ConsentError(_("Nobody is asked to consent to this."))
    _note_writer(form, writer)
    old = [text for text in form.texts.all() if text.grants == [purpose]]
    name, place = (old[0].question, old[0].position) if old else (purpose, 10 * ASKED.index(Purpose(purpose)))
    form.texts.filter(question=name).delete()
    write_texts(form, [], [NewText(name, (purpose,), *pair, place) for pair in _said(bodies)])


@transaction.atomic
def approve_form(
    *, form: ConsentForm, languages: Collection[str], approver: str, day: date, sha256: str = ""
) -> ConsentForm:
    """Freeze a form that is whole in all languages of the study (NO-02).

    `sha256` is the hash of the words that the approver saw: others that were written meanwhile are not approved.
    """
    form = _locked(form)
    if not may_become(form.status, Status.APPROVED):
        raise ConsentError(_("Only a draft can be approved."))
    check_writer(form.writers, approver)
    blocks, texts = new_blocks(form), new_texts(form)
    check_whole(blocks, texts, languages, set(ASKED))
    made = form_hash(form.version, blocks, texts)
    if sha256 and sha256 != made:
        raise ConsentError(_("The words were changed meanwhile. Load the page again and read them."))
    form.approve(day, by=approver, sha256=made)
    return form


@transaction.atomic
def retire_form(*, form: ConsentForm, day: date) -> ConsentForm:
    """Show it to nobody any more; what was agreed to stands."""
    form = _locked(form)
    if not may_become(form.status, Status.RETIRED):
        raise ConsentError(_("Only an approved form can be retired."))
    form.retire(day)
    return form


@transaction.atomic
def discard_form(*, form: ConsentForm) -> None:
    """A draft that isn't wanted."""
    form = _locked(form)
    refuse_if_approved(form.pk)
    form.blocks.all().delete()
    form.texts.all().delete()
    form.delete()


def lacks(form: ConsentForm, languages: Collection[str]) -> list[str]:
    """What a draft still lacks to be approved in these languages; empty when it is whole."""
    return list(lacking(new_blocks(form), new_texts(form), languages, set(ASKED)))


def hash_of(form: ConsentForm) -> str:
    """The hash of a form's words as they are now; of an approved one the same as its frozen hash."""
    return form_hash(form.version, new_blocks(form), new_texts(form))


def new_blocks(form: ConsentForm) -> list[NewBlock]:
    """A form's letter as values."""
    return [NewBlock(one.block, one.language, one.body) for one in form.blocks.all()]


def new_texts(form: ConsentForm) -> list[NewText]:
    """A form's questions as values."""
    return [
        NewText(one.question, tuple(one.grants), one.language, one.body, one.position)
        for one in form.texts.all()
    ]


def begin(*, study_key: UUID, version: str, **fields: Any) -> tuple[ConsentForm, bool]:
    """The form of this version, made if there is none."""
    of_study = ConsentForm.objects.filter(study_key=study_key)
    number = (of_study.aggregate(last=Max("number"))["last"] or 0) + 1
    return of_study.get_or_create(
        version=version, defaults={"study_key": study_key, "number": number, **fields}
    )


def write_texts(form: ConsentForm, blocks: Sequence[NewBlock], texts: Sequence[NewText]) -> None:
    """Words into a form that is not approved."""
    InformationBlock.objects.bulk_create(
        InformationBlock(form=form, sha256=text_hash(one.body), **vars(one)) for one in blocks
    )
    ConsentText.objects.bulk_create(
        ConsentText(form=form, sha256=text_hash(one.body), **{**vars(one), "grants": list(one.grants)})
        for one in texts
    )


def _begin_draft(
    study_key: UUID, version: Any, writer: str, based_on: ConsentForm | None = None
) -> ConsentForm:
    if not isinstance(version, str) or not version.strip() or len(version) > 40:
        raise ConsentError(_("A consent form needs a version of at most 40 characters, such as 2024-03-01."))
    form, new = begin(study_key=study_key, version=version.strip(), writers=[writer], based_on=based_on)
    if not new:
        raise ConsentError(
            _("There is a consent form %(version)s already. Give the new words a new version.")
            % {"version": form.version}
        )
    return form


def _note_writer(form: ConsentForm, writer: str) -> None:
    """Everybody who wrote in a draft stands in it, so that none of them approves it."""
    locked = _locked(form)
    refuse_if_approved(locked.pk)
    locked.writers = sorted({*locked.writers, writer})
    locked.save(update_fields=["writers"])
    form.writers = locked.writers


def _locked(form: ConsentForm) -> ConsentForm:
    found = ConsentForm.objects.select_for_update().filter(pk=form.pk).first()
    if found is None:
        raise ConsentError(_("There is no such consent form any more."))
    return found


def _said(bodies: Mapping[str, str]) -> list[tuple[str, str]]:
    """Words by language without blank ones; browsers send line ends in two characters."""
    clean = {language: body.replace("\r\n", "\n").strip() for language, body in bodies.items()}
    return [(language, body) for language, body in clean.items() if body]
