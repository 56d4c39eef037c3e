"""Filling in what a study must say before it may send (NO-01), with its audit row.

What is still missing is asked in panel/invitations/readiness.py, which sees the letters too. A later end is not
filled in here once there are members: they were told the first one, and are told the new one first
(panel/rights).
"""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.members import permissions, study_fields
from panel.members.models import Study
from panel.members.rules import Verb

#: What the setup page fills in. All else of a study is made with it, or decided with a reason.
FIELDS = (
    "institution",
    "sikt_reference",
    "sikt_assessed_on",
    "ends_on",
    "retention_until",
    "dpo_contact",
    "legal_basis",
)
#: What members were told; with members there, only an extension moves these later.
PROMISED = ("ends_on", "retention_until")


@transaction.atomic
def fill_in(*, by: Actor, study: Study, now: datetime, **fields: Any) -> list[str]:
    """Fills in fields of a study; says which of them changed."""
    permissions.check(by, study, Verb.EDIT_STUDY)
    if unknown := set(fields) - set(FIELDS):
        raise BadInput(_("A study has no field %(names)s.") % {"names": ", ".join(sorted(unknown))})
    study = Study.objects.select_for_update().get(pk=study.pk)
    check_running(study)
    changed = [name for name, value in fields.items() if getattr(study, name) != value]
    if study.members.exists():
        _keep_promises(study, {name: fields[name] for name in changed})
    for name in changed:
        setattr(study, name, fields[name])
    _check(study)
    if changed:
        study.save(update_fields=changed)
        audit.record(by=by, verb="study.filled_in", now=now, study=study.slug, detail={"fields": changed})
    return changed


def check_running(study: Study) -> None:
    """Refuses what would begin again in a study whose link key is destroyed (NO-04)."""
    if study.ended_at:
        raise NotNow(_("This study has ended: nothing of it can be changed any more."))


def _keep_promises(study: Study, wanted: dict[str, Any]) -> None:
    """Refuses what would break what members were told."""
    for name in PROMISED:
        told: date | None = getattr(study, name)
        if name in wanted and told and (wanted[name] is None or wanted[name] > told):
            raise NotNow(
                _("Members were told this day already. Extend the study instead: they are told first.")
            )
    if "legal_basis" in wanted:
        raise NotNow(_("Members joined on this legal basis; it can't be changed any more."))


def _check(study: Study) -> None:
    """The types of the fields, and that data about people don't outlive what was promised by mistake."""
    study_fields.check(study)
    try:
        study.clean_fields(exclude=[f.name for f in study._meta.concrete_fields if f.name not in FIELDS])
    except ValidationError as error:
        raise BadInput("; ".join(error.messages)) from error
    if study.ends_on and study.sikt_assessed_on and study.ends_on <= study.sikt_assessed_on:
        raise BadInput(_("The project must end after the day of its assessment."))
