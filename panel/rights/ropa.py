"""The record of processing (GDPR 30), printed from what the service is: models, studies, roles, settings. Reads only.

The words are for a data-protection officer, in English, as the models' own. What the service can't know (who else
processes data for the institution) comes from the setting PROCESSORS.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import override

from consent.models import Purpose
from panel.audit import selectors as audit
from panel.members.models import StaffRole, Study
from panel.members.rules import ROLES, Role
from panel.rights import zones

CLASSES = ("direct identifier", "quasi-identifier", "sensitive", "free text", "releasable", "internal")
#: Article 30(1)(g). Each is held by tests of its own; docs/operations.md says how it is run.
MEASURES = (
    "Contact data, members by code and keys lie in three databases with separate credentials.",
    "Contact data are sealed per member (AES-256-GCM) under data keys that a key-encryption key wraps "
    "(AES-256-GCM-SIV).",
    "Erasure destroys the member's data key and, nightly, the key-encryption key's old version, so that backups "
    "don't undo it.",
    "Respondents' pages have no cookie, no JavaScript and no third party; no IP address or user agent is kept.",
    "Staff log in with a second factor; roles are given per study; no page shows an address beside a status.",
    "A contact card is opened one at a time with a reason, within a daily quota, after its audit row was written.",
    "The audit trail is append-only, hash-chained and anchored outside daily.",
    "Nothing leaves but released files after disclosure control by a second person, and letters without content.",
)


def record(studies: Sequence[Study]) -> dict[str, Any]:
    """The record as data."""
    with override("en"):
        return {
            "studies": [_study(study) for study in studies],
            "tables": [_table(table) for table in zones.tables()],
            "processors": list(settings.PROCESSORS),
            "measures": list(MEASURES),
            "key_provider": settings.KEK_PROVIDER,
            "audit_sealed": head.position if (head := audit.head()) else 0,
        }


def _study(study: Study) -> dict[str, Any]:
    staff = StaffRole.objects.filter(study=study, user__is_active=True)
    people = {role: staff.filter(role=role).count() for role in Role}
    return {
        "study": study.slug,
        "name": study.name,
        "controller": study.institution,
        "contact": study.contact_email,
        "data_protection_officer": study.dpo_contact,
        "legal_basis": study.get_legal_basis_display(),
        "sikt_reference": study.sikt_reference,
        "sikt_assessed_on": study.sikt_assessed_on,
        "ends_on": study.ends_on,
        "contact_data_until": study.retention_until,
        "ended_at": study.ended_at,
        "members": study.members.count(),
        "recruits": study.recruitment_records.count(),
        "purposes": [str(label) for label in Purpose.labels],
        "recipients": [
            {"role": str(card.name), "people": people[role], "may": str(card.sentence)}
            for role, card in ROLES.items()
        ],
    }


def _table(table: zones.Table) -> dict[str, Any]:
    of_class = {kind: table.of_class(kind) for kind in CLASSES if table.of_class(kind)}
    return {
        "table": table.label,
        "database": table.zone,
        "purpose": table.purpose,
        "retention": table.retention,
        "fields": of_class,
    }


def markdown(found: dict[str, Any]) -> list[str]:
    """The record as a document."""
    lines = ["# Record of processing activities (GDPR article 30)", ""]
    for study in found["studies"]:
        lines += _study_lines(study)
    lines += ["## Who processes data for the institution", ""]
    lines += [f"- {one['name']}: {one['what']} ({one['where']})" for one in found["processors"]] or [
        "- Nobody is named. Fill in the setting PROCESSORS: the host of the servers, the mail server."
    ]
    lines += ["", "No data are sent to third countries by this service itself.", ""]
    for kind in CLASSES[:-1]:
        lines += _class_lines(kind, found["tables"])
    lines += ["## Security measures", "", *(f"- {measure}" for measure in found["measures"])]
    lines += [f"- Keys are kept by: {found['key_provider']}. Sealed audit events: {found['audit_sealed']}."]
    return [*lines, "", "Every field of every table with its class stands in docs/fields.md."]


def _study_lines(study: dict[str, Any]) -> list[str]:
    facts = (
        ("Controller", study["controller"]),
        ("Contact", study["contact"]),
        ("Data-protection officer", study["data_protection_officer"]),
        ("Legal basis", study["legal_basis"]),
        ("Assessed by Sikt", f"{study['sikt_reference'] or '–'}, {study['sikt_assessed_on'] or '–'}"),
        ("Purposes", ", ".join(study["purposes"])),
        ("People", f"{study['members']} members, {study['recruits']} records of recruitment"),
        ("Contact data are erased after", study["contact_data_until"] or "–"),
        ("The project ends", study["ends_on"] or "–"),
        ("Ended", study["ended_at"] or "no"),
    )
    recipients = [f"- {one['role']} ({one['people']}): {one['may']}" for one in study["recipients"]]
    return [
        f"## {study['name']} (`{study['study']}`)", "",
        *(f"- {name}: {value}" for name, value in facts), "",
        "### Who receives data", "", *recipients, "",
    ]  # fmt: skip


def _class_lines(kind: str, tables: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {table['table']} | {', '.join(table['fields'][kind])} | {table['database']} | {table['purpose']} "
        f"| {table['retention']} |"
        for table in tables
        if kind in table["fields"]
    ]
    head = ["| table | fields | database | purpose | kept |", "|---|---|---|---|---|"]
    return [f"## Data: {kind}", "", *head, *rows, ""] if rows else []
