"""Writes on instruments: a form taken in, approved, retired. What a form may be is form_checks.py's."""

import hashlib
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.instruments.models import Instrument, InstrumentVersion
from panel.instruments.rules import Status, may_become
from panel.instruments.xlsform import compile_form
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb


def import_instrument(
    *, by: Actor, study: Study, slug: str, title: str, source: bytes, now: datetime
) -> InstrumentVersion:
    """A draft of this form; the version there is, if these very bytes were taken in before."""
    permissions.check(by, study, Verb.PLAN_WAVE)
    q = compile_form(source)
    with transaction.atomic():
        instrument = _instrument(study, slug, title or q.title)
        sha256 = hashlib.sha256(source).hexdigest()
        known = instrument.versions.filter(sha256=sha256).first()
        if known is not None:
            return known
        newest = instrument.versions.aggregate(newest=Max("number"))["newest"] or 0
        version = InstrumentVersion.objects.create(
            instrument=instrument,
            number=newest + 1,
            source=source,
            sha256=sha256,
            compiled=q.to_json(),
            languages=list(q.languages),
            created_on=localdate(now),
        )
        _record(by, "instrument.imported", version, now, sha256=sha256)
    return version


def approve_version(*, by: Actor, version: InstrumentVersion, now: datetime) -> InstrumentVersion:
    """Freeze a draft for use. It must speak every language of its study."""
    study = version.instrument.study
    permissions.check(by, study, Verb.APPROVE_WAVE)
    with transaction.atomic():
        version = _locked(version)
        _check_step(version, Status.APPROVED)
        lacking = [language for language in study.languages if language not in version.languages]
        if lacking:
            raise NotNow(
                _("The form lacks the study's language %(languages)s.") % {"languages": ", ".join(lacking)}
            )
        version.status, version.approved_by, version.approved_on = Status.APPROVED, by.name, localdate(now)
        version.save(update_fields=["status", "approved_by", "approved_on"])
        _record(by, "instrument.approved", version, now, sha256=version.sha256)
    return version


def retire_version(*, by: Actor, version: InstrumentVersion, now: datetime) -> InstrumentVersion:
    """Take an approved version out of use for new waves; its answers stay readable."""
    permissions.check(by, version.instrument.study, Verb.APPROVE_WAVE)
    with transaction.atomic():
        version = _locked(version)
        _check_step(version, Status.RETIRED)
        version.status = Status.RETIRED
        version.save(update_fields=["status"])
        _record(by, "instrument.retired", version, now)
    return version


def _instrument(study: Study, slug: str, title: str) -> Instrument:
    """The study's instrument of this slug, locked, so that two imports don't take one number."""
    known = Instrument.objects.select_for_update().filter(study=study, slug=slug).first()
    if known is not None:
        return known
    instrument = Instrument(study=study, slug=slug, title=title)
    try:
        instrument.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from error
    instrument.save(force_insert=True)
    return instrument


def _locked(version: InstrumentVersion) -> InstrumentVersion:
    return (
        InstrumentVersion.objects.select_for_update(of=("self",))
        .select_related("instrument__study")
        .get(pk=version.pk)
    )


def _check_step(version: InstrumentVersion, wanted: str) -> None:
    if not may_become(version.status, wanted):
        raise NotNow(
            _("Version %(number)s is %(status)s. Import the form anew for another version.")
            % {"number": version.number, "status": version.get_status_display()}
        )


def _record(by: Actor, verb: str, version: InstrumentVersion, now: datetime, **detail: Any) -> None:
    instrument = version.instrument
    audit.record(
        by=by,
        verb=verb,
        now=now,
        study=instrument.study.slug,
        subject=f"{instrument.slug}/{version.number}",
        detail=detail,
    )
