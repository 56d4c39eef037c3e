"""Builds the example study through the product's own services: study, staff, consent form, questionnaire, letters.

Writes the log-ins to a 0600 file. Holds no respondent and no story; those are people.py and life.py.
"""

import json
import os
import secrets
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.timezone import localdate

from consent import services as consent
from panel.audit.rules import Actor
from panel.instruments import services as instruments
from panel.instruments.models import InstrumentVersion
from panel.invitations import letter_files, letter_versions
from panel.members import services as members
from panel.members.models import Study, StudyDecision
from panel.members.rules import Role
from panel.rights import consent_forms as forms

HERE = Path(__file__).parent
SLUG = "exitnorway"
SYSTEM = Actor.system("example study")

#: username -> role, in the order in which the log-ins are printed.
STAFF = {
    "signe": Role.COORDINATOR,
    "vera": Role.KEEPER,
    "ines": Role.RESEARCHER,
    "ravn": Role.REVIEWER,
    "liv": Role.LEADER,
    "dag": Role.DPO,
}
DPIA = "Assessed with the data-protection officer: the risk is high, and the measures bring it down."
LIV, SIGNE, VERA = Actor.staff("liv"), Actor.staff("signe"), Actor.staff("vera")


def data(name: str) -> Any:
    """One of the example's JSON files."""
    return json.loads((HERE / "data" / name).read_text(encoding="utf-8"))


def build(*, now: datetime, logins: Path) -> Study:
    """The whole study, ready to enrol into. All or nothing in `default`."""
    with transaction.atomic():
        study = members.create_study(by=SYSTEM, now=now, **_fields())
        _staff(study, now=now, logins=logins)
        members.decide(by=LIV, study=study, setting=StudyDecision.Setting.DPIA, reason=DPIA, now=now)
        consent.import_form(study_key=study.key, document=data("consent_2022-06-01.json"), day=localdate(now))
        form = forms.draft(by=SIGNE, study=study, document=data("consent_2022-07-01.json"), now=now)
        forms.approve(by=LIV, study=study, form=form, now=now)
        for file in sorted((HERE / "letters").glob("*.json")):
            document = json.loads(file.read_text(encoding="utf-8"))
            letter_files.import_letters(by=SIGNE, study=study, document=document, now=now)
        letter_versions.approve_all(by=LIV, study=study, now=now)
    return study


def instrument(study: Study, *, now: datetime) -> InstrumentVersion:
    """The example's questionnaire, imported and approved."""
    version = instruments.import_instrument(
        by=SIGNE,
        study=study,
        slug="waves",
        title="Life in Norway and elsewhere",
        source=(HERE / "forms" / "exitnorway.xlsx").read_bytes(),
        now=now,
    )
    return instruments.approve_version(by=LIV, version=version, now=now)


def _fields() -> dict[str, Any]:
    """The study as its files describe it; how_to_check is kept as JSON text, a sentence per language."""
    fields = data("study.json")
    fields["how_to_check"] = json.dumps(fields["how_to_check"], ensure_ascii=False)
    for name in ("retention_until", "sikt_assessed_on", "ends_on"):
        fields[name] = date.fromisoformat(fields[name])
    return {**fields, "recruitment": data("recruitment.json"), "disclosure": data("disclosure.json")}


def _staff(study: Study, *, now: datetime, logins: Path) -> None:
    lines = []
    for username, role in STAFF.items():
        password = secrets.token_urlsafe(12)
        user = get_user_model().objects.create_user(username, password=password, is_staff=True)
        members.assign_role(by=SYSTEM, user=user, study=study, role=role, now=now)
        lines.append(f"{username}\t{role.label}\t{password}\n")
    _write_private(logins, "".join(lines))


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
