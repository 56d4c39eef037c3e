"""Who may draft and approve a study's consent forms, with the audit row of each step (NO-02).

The words, and what a form must hold, are consent/forms.py's. Nobody approves a form they wrote in: with no
exception, so that a study with one project leader lets somebody else write.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import localdate

from consent import forms
from consent.models import ConsentForm
from consent.services import import_form
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb


@transaction.atomic
def draft(*, by: Actor, study: Study, document: Mapping[str, Any], now: datetime) -> ConsentForm:
    """A draft from a document."""
    permissions.check(by, study, Verb.DRAFT_FORM)
    form = forms.draft_form(study_key=study.key, document=document, writer=by.name)
    _tell(by, study, form, "form.drafted", now)
    return form


@transaction.atomic
def import_signed(*, by: Actor, study: Study, document: Mapping[str, Any], now: datetime) -> ConsentForm:
    """A form as people signed it before they were enrolled here; a proof, never shown to anybody new."""
    permissions.check(by, study, Verb.APPROVE_FORM)
    form = import_form(study_key=study.key, document=document, day=localdate(now))
    _tell(by, study, form, "form.imported", now)
    return form


@transaction.atomic
def new_version(*, by: Actor, study: Study, form: ConsentForm, version: str, now: datetime) -> ConsentForm:
    """A draft with the words of an older form."""
    permissions.check(by, study, Verb.DRAFT_FORM)
    draft = forms.new_version(form=form, version=version, writer=by.name)
    _tell(by, study, draft, "form.drafted", now)
    return draft


@transaction.atomic
def write_block(
    *, by: Actor, study: Study, form: ConsentForm, block: str, bodies: Mapping[str, str], now: datetime
) -> None:
    """The words of one block of a draft's letter, by language."""
    permissions.check(by, study, Verb.DRAFT_FORM)
    forms.set_block(form=form, block=block, bodies=bodies, writer=by.name)
    _tell(by, study, form, "form.written", now, part=block)


@transaction.atomic
def write_question(
    *, by: Actor, study: Study, form: ConsentForm, purpose: str, bodies: Mapping[str, str], now: datetime
) -> None:
    """The words of the question on one purpose, by language; none takes the question away."""
    permissions.check(by, study, Verb.DRAFT_FORM)
    forms.set_question(form=form, purpose=purpose, bodies=bodies, writer=by.name)
    _tell(by, study, form, "form.written", now, part=purpose)


@transaction.atomic
def discard(*, by: Actor, study: Study, form: ConsentForm, now: datetime) -> None:
    """A draft that isn't wanted."""
    permissions.check(by, study, Verb.DRAFT_FORM)
    _tell(by, study, form, "form.discarded", now)
    forms.discard_form(form=form)


@transaction.atomic
def approve(*, by: Actor, study: Study, form: ConsentForm, now: datetime, sha256: str = "") -> ConsentForm:
    """Freeze a form that is whole in the study's languages; by a project leader who didn't write in it."""
    permissions.check(by, study, Verb.APPROVE_FORM)
    approved = forms.approve_form(
        form=form, languages=study.languages, approver=by.name, day=localdate(now), sha256=sha256
    )
    _tell(by, study, approved, "form.approved", now, sha256=approved.sha256)
    return approved


@transaction.atomic
def retire(*, by: Actor, study: Study, form: ConsentForm, now: datetime) -> ConsentForm:
    """Show a form to nobody any more; what was agreed to stands."""
    permissions.check(by, study, Verb.APPROVE_FORM)
    retired = forms.retire_form(form=form, day=localdate(now))
    _tell(by, study, retired, "form.retired", now)
    return retired


def _tell(by: Actor, study: Study, form: ConsentForm, verb: str, now: datetime, **detail: str) -> None:
    audit.record(by=by, verb=verb, now=now, study=study.slug, subject=form.version, detail=detail or None)
