"""Carries out the plan of an enrolment: cards, members, consent entries, wave-0 answers.

Runs inside services.enrol's transaction on `default`, which commits last: what a crash leaves in keystore and
vault without its member is swept after a day.
"""

from collections.abc import Sequence
from datetime import date

from consent import services as consent
from consent.models import ConsentEntry
from consent.rules import NewEntry
from panel.enrolment import matching, persons
from panel.enrolment.matching import Plan
from panel.enrolment.models import RecruitmentRecord
from panel.enrolment.rules import JudgedRow
from panel.members import cohorts
from panel.members import services as members
from panel.members.models import PanelMember, Study
from panel.members.rules import member_code
from panel.members.services import NewMember
from panel.sets import batched
from panel.vault import services as vault
from panel.vault.rules import ContactData

CHANNEL = "recruitment file"


def carry_out(*, study: Study, plan: Plan, today: date) -> None:
    """Writes all that the plan says."""
    enrolled = plan.enrolled
    codes = _codes(enrolled)
    if enrolled:
        vault.store_cards((_card(codes[row.line], row) for row in enrolled), today=today)
    admitted = members.admit(
        study=study,
        new=[NewMember(codes[row.line], row.language, plan.shared.get(row.line)) for row in enrolled],
        cohort=plan.mapping.cohort,
        today=today,
    )
    by_line = {row.line: member for row, member in zip(enrolled, admitted, strict=True)}
    rows = {row.line: row for row in enrolled}
    persons.mark_admitted(
        study=study,
        birth_item=plan.mapping.birth_item,
        admitted={member: rows[line] for line, member in by_line.items()},
        beside=[member for old in plan.newly_shared.values() for member in old],
    )
    _mark_shared(plan)
    for some in batched(enrolled, 5000):
        consent.record([entry for row in some for entry in _entries(study, plan, row, codes[row.line])])
    _store_answers(study, plan, by_line)
    cohorts.count_in(
        study=study, name=plan.mapping.cohort, answered=len(plan.new_answers), joined=len(admitted)
    )


def _codes(rows: Sequence[JudgedRow]) -> dict[int, str]:
    """A code of its own for each row."""
    codes: set[str] = set()
    while len(codes) < len(rows):
        codes.add(member_code())
    return dict(zip((row.line for row in rows), codes, strict=True))


def _card(code: str, row: JudgedRow) -> ContactData:
    assert row.contact is not None
    contact = row.contact
    return ContactData(
        code=code,
        email=contact.email,
        first_name=contact.first_name,
        last_name=contact.last_name,
        phone=contact.phone,
    )


def _mark_shared(plan: Plan) -> None:
    for mark, old in plan.newly_shared.items():
        PanelMember.objects.filter(pk__in=[member.pk for member in old]).update(shared_address=mark)


def _entries(study: Study, plan: Plan, row: JudgedRow, code: str) -> list[NewEntry]:
    """One entry for each purpose that each yes of the row grants, dated on the day it was given (LAW-02)."""
    assert row.day is not None
    entries = []
    for question in row.agreed:
        text = plan.texts[row.version, question, row.language]
        entries += [
            NewEntry(
                study_key=study.key,
                subject=code,
                purpose=purpose,
                action=ConsentEntry.Action.IMPORTED,
                form_version=row.version,
                text_sha256=text.sha256,
                language=row.language,
                channel=CHANNEL,
                day=row.day,
            )
            for purpose in text.grants
        ]
    return entries


def _store_answers(study: Study, plan: Plan, by_line: dict[int, PanelMember]) -> None:
    """New records, and the member for records whose row came earlier without a usable address."""
    marks = plan.fingerprints or matching.fingerprints(study, plan.rows)
    for some in batched(plan.new_answers):
        RecruitmentRecord.objects.bulk_create(
            RecruitmentRecord(
                study=study,
                member=by_line.get(row.line),
                cohort=plan.mapping.cohort,
                language=row.language,
                answers=row.answers,
                fingerprint=marks[row.line],
            )
            for row in some
        )
    for line, member in by_line.items():
        record = plan.stored.get(marks[line])
        if record and not record.has_member:
            RecruitmentRecord.objects.filter(pk=record.pk).update(member=member)
