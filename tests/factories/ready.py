"""What a study must have before it may send (NO-01), for every factory: fields, decision, letters."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from panel.audit.rules import Actor
from panel.invitations import letter_files, letter_versions
from panel.members import services as members
from panel.members.models import Study, StudyDecision
from panel.rights import consent_forms as forms

SYSTEM = Actor.system("test")
LETTERS = Path(__file__).parents[2] / "panel" / "demo" / "letters"
FORM = LETTERS.parent / "data" / "consent_2022-07-01.json"
#: Filled in when a study is made; invented, as all else here.
FIELDS: dict[str, Any] = {
    "sikt_reference": "000000",
    "sikt_assessed_on": date(2022, 5, 2),
    "ends_on": date(2032, 12, 31),
    "dpo_contact": "personvernombud@example.org",
}


def assessed(study: Study, *, now: datetime, by: Actor = SYSTEM) -> Study:
    """With the recorded decision on a DPIA. A leader comes with the factory's cast."""
    reason = "Assessed: the risk is high, measures are in place."
    members.decide(by=by, study=study, setting=StudyDecision.Setting.DPIA, reason=reason, now=now)
    return study


def with_form(study: Study, *, now: datetime) -> Study:
    """The example's consent form with its information letter, written by one and approved by another."""
    document = json.loads(FORM.read_text(encoding="utf-8"))
    writer, approver = Actor.system("writer"), Actor.system("approver")
    form = forms.draft(by=writer, study=study, document=document, now=now)
    forms.approve(by=approver, study=study, form=form, now=now)
    return study


def with_letters(study: Study, *, now: datetime, by: Actor = SYSTEM) -> Study:
    """The example study's letters and consent form, approved: every kind in every language."""
    writer = Actor.system("writer")
    with_form(study, now=now)
    for file in sorted(LETTERS.glob("*.json")):
        letter_files.import_letters(by=writer, study=study, document=json.loads(file.read_text()), now=now)
    letter_versions.approve_all(by=by, study=study, now=now)
    return study
