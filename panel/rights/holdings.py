"""Everything held of one member, for their copy (LAW-08): found by walking the models, so that none is forgotten.

A table with a way to the member by foreign keys is in the copy without being named here. One that knows people
by code stands in BY_CODE; all others are in EXEMPT with the reason, and a test fails on a table in neither.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from panel.members.models import PanelMember
from panel.rights.zones import ours

#: Tables that know a member by code alone: the column of the code, and what else narrows it to the study.
BY_CODE: Mapping[str, tuple[str, str]] = {
    "consent.ConsentEntry": ("subject", "study_key"),
    "audit.AuditEvent": ("subject", "study"),
    "journal.JournalEntry": ("code", "study"),
    "rights.OutsideHolding": ("code", "item__study"),
}

_STUDY = "tells of the study, of nobody in it"
_STAFF = "tells of staff"
_KEYS = "a key, not data; without it the card would not open"
_FILES = "made from many people's answers, without a code; nobody can tell whose row is whose"
EXEMPT: Mapping[str, str] = {
    "consent.ConsentForm": _STUDY,
    "consent.InformationBlock": _STUDY,
    "consent.ConsentText": "its words stand with each consent in the copy",
    "keys.WrappedRoot": _KEYS,
    "keys.DataKey": _KEYS,
    "keys.NextKey": _KEYS,
    "audit.AuditSeal": "hashes over events; the events are in the copy",
    "journal.JournalLine": "hashes over entries; the entries are in the copy",
    "journal.JournalState": "tells of the journal's file",
    "vault.Card": "opened, and in the copy as contact data",
    "vault.Suppressed": "keyed hashes of addresses that nobody here can turn back",
    "members.Study": "in the copy as far as it tells who is responsible, why and how long",
    "members.StudyDecision": _STUDY,
    "members.Cohort": "counts of a recruitment",
    "members.StaffRole": _STAFF,
    "enrolment.EnrolmentRun": "counts of a file",
    "enrolment.ErasedRow": "keyed hashes of rows whose people are not members",
    "enrolment.StagedFile": "a file that waits an hour to be admitted: nobody in it is a member by it",
    "enrolment.IntakeKey": _KEYS,
    "instruments.Instrument": _STUDY,
    "instruments.InstrumentVersion": "its questions stand with each answer in the copy",
    "waves.Wave": _STUDY,
    "invitations.Letter": _STUDY,
    "invitations.LetterText": _STUDY,
    "invitations.Trial": _STAFF,
    "members.SilentDay": _STUDY,
    "invitations.SendingPause": _STUDY,
    "waves.PlanVersion": _STUDY,
    "releases.Release": _FILES,
    "releases.ReleaseFile": _FILES,
    "rights.AskedLink": "an address somebody typed, sealed for a minute; whose, nobody here knows",
    "rights.GivenAddress": "an address somebody typed, sealed for a minute; whose, nobody here knows",
    "rights.Copy": "the copies themselves",
    "rights.OutsideItem": "in the copy by kind and holder where it holds this member's data",
    "rights.ProjectEnd": _STUDY,
    "rights.EndStep": _STUDY,
    "rights.Extension": _STUDY,
    "rights.ReconsentRun": _STUDY,
    "rights.RetentionReport": "counts and days of what was due, without a code",
}

_NAME_OF_STAFF = "the name of somebody who works on the project"
#: Fields that a copy leaves out, with the reason.
LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "invitations.Link": {"hash": "opens pages", "public": "belongs to a key"},
    "enrolment.RecruitmentRecord": {"fingerprint": "a keyed hash that nobody can turn back"},
    "enrolment.NewAddress": {"sealed": "your new address, until it is confirmed; sealed for a worker"},
    "audit.AuditEvent": {"actor": _NAME_OF_STAFF, "detail": "may name other people"},
    "residency.FlagReview": {"by": _NAME_OF_STAFF},
    "rights.RequestNote": {"by": _NAME_OF_STAFF},
    "rights.OutsideHolding": {"removed_by": _NAME_OF_STAFF},
    "invitations.LostContactStep": {"by": _NAME_OF_STAFF},
    "invitations.ReplyCase": {"handled_by": _NAME_OF_STAFF},
}


def way_to_member(model: type[Model], seen: tuple[type[Model], ...] = ()) -> str | None:
    """The shortest way from a table to the member by foreign keys, as a lookup; "" for the members' own table."""
    if model is PanelMember:
        return ""
    ways = []
    for field in model._meta.concrete_fields:
        related = field.related_model
        if isinstance(related, type) and related not in (*seen, model):
            further = way_to_member(related, (*seen, model))
            if further is not None:
                ways.append(f"{field.name}__{further}" if further else field.name)
    return min(ways, key=lambda way: way.count("__"), default=None)


def records(member: PanelMember) -> Iterator[tuple[type[Model], list[dict[str, Any]]]]:
    """Each table with rows of this member, and the rows as plain values."""
    for model in ours():
        rows = _rows(model, member)
        if rows is not None:
            names = fields(model)
            values = [dict(zip(names, row, strict=True)) for row in rows.values_list(*names)]
            if values:
                yield model, [{name: plain(value) for name, value in row.items()} for row in values]


def fields(model: type[Model]) -> list[str]:
    """The columns of a table that are in the copy, in its order."""
    left_out = LEFT_OUT.get(model._meta.label, {})
    return [field.name for field in model._meta.concrete_fields if field.name not in left_out]


def _rows(model: type[Model], member: PanelMember) -> QuerySet[Any] | None:
    label = model._meta.label
    if label in EXEMPT:
        return None
    manager = model._default_manager.order_by("pk")
    if label in BY_CODE:
        column, study = BY_CODE[label]
        of = {"study_key": member.study.key, "study": member.study.slug, "item__study": member.study_id}
        return manager.filter(**{column: member.code, study: of[study]})
    way = way_to_member(model)
    if way is None:
        return None
    return manager.filter(**{way or "pk": member.pk})


def plain(value: Any) -> Any:
    """A column's value as JSON has it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
