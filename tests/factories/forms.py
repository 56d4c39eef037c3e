"""Consent forms with a whole letter, drafted by one and approved by another; and a run that asks for one."""

from datetime import datetime
from typing import Any

from consent.models import ConsentForm
from panel.audit.rules import Actor
from panel.members.models import Study
from panel.rights import consent_forms, reconsent
from panel.rights.models import ReconsentRun
from tests.consent.documents import whole_document

WRITER, APPROVER = Actor.system("writer"), Actor.system("approver")


def drafted(
    study: Study, version: str = "2024-03-01", *, now: datetime, by: Actor = WRITER, **changes: Any
) -> ConsentForm:
    """A draft that lacks nothing, unless `changes` take something away."""
    return consent_forms.draft(by=by, study=study, document=whole_document(version, **changes), now=now)


def approved(study: Study, version: str = "2024-03-01", *, now: datetime, **changes: Any) -> ConsentForm:
    """The form of today."""
    form = drafted(study, version, now=now, **changes)
    return consent_forms.approve(by=APPROVER, study=study, form=form, now=now)


def asked(study: Study, version: str = "2024-03-01", *, now: datetime) -> ReconsentRun:
    """A run that asks all who signed older words."""
    return reconsent.start(by=APPROVER, study=study, form=approved(study, version, now=now), now=now)
