"""What went to each person already, over all studies, and what each study allows: read in sets for limits.py.

A letter counts from the moment it is marked `ready`; one in doubt counts until a person decides otherwise.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from panel.invitations import rules
from panel.invitations.limits import STRICT, USUAL, Burden, Hours, Numbers, Silence
from panel.invitations.models import LetterKind, Outgoing
from panel.members.models import PanelMember, SilentDay, Study, StudyDecision
from panel.waves.models import Case, CaseEvent, Wave

IN_FLIGHT = (rules.State.READY, rules.State.SENDING, rules.State.UNCONFIRMED)
LETTERS = frozenset(rules.EVENTS.values())


@dataclass(frozen=True, order=True)
class Sent:
    """One survey letter that a person got, or perhaps got."""

    at: datetime
    wave: UUID
    is_survey: bool


History = Mapping[UUID, list[Sent]]


def numbers(study: Study) -> Numbers:
    """What this study allows."""
    return Numbers(
        reminders_max=study.reminders_max,
        reminder_gap_days=study.reminder_gap_days,
        mails_max=study.mails_max,
        mails_days=study.mails_days,
        wave_gap_days=study.wave_gap_days,
    )


def hours(member: PanelMember) -> Hours:
    """The member's own hours, or everybody's. Never by where somebody is thought to be."""
    if member.hours_from is None or member.hours_until is None:
        return USUAL
    return Hours(time(member.hours_from), time(member.hours_until))


def silences(studies: Collection[UUID]) -> dict[UUID, Silence]:
    """Each study's days of silence."""
    dated: dict[UUID, set[date]] = defaultdict(set)
    yearly: dict[UUID, set[tuple[int, int]]] = defaultdict(set)
    for one in SilentDay.objects.filter(study__in=studies):
        if one.year:
            dated[one.study_id].add(date(one.year, one.month, one.day))
        else:
            yearly[one.study_id].add((one.month, one.day))
    return {pk: Silence(frozenset(dated[pk]), frozenset(yearly[pk])) for pk in studies}


def look_back(studies: Iterable[Study], now: datetime, *, of_rows: Iterable[Wave] = ()) -> datetime:
    """Since when letters can matter to these studies' limits: a long wave's own first letters among them."""
    days = max((max(study.mails_days, study.wave_gap_days) for study in studies), default=0)
    return min([now, *(wave.opens_at for wave in of_rows)]) - timedelta(days=days + 2)


def same_people(persons: Mapping[UUID, UUID | None]) -> dict[UUID, UUID]:
    """These members and all others who are one of their people, each with the person; given each with its mark, if any.

    Without a mark a member is a person of its own.
    """
    marks = {mark for mark in persons.values() if mark}
    marked = PanelMember.objects.filter(person__among=marks).values_list("pk", "person") if marks else ()
    return {pk: mark or pk for pk, mark in (*persons.items(), *marked)}


def history(members: Collection[PanelMember], *, since: datetime, but: Collection[UUID] = ()) -> History:
    """By member, the survey letters of the person since then, oldest first. `but`: rows that are being decided on."""
    whom = same_people({member.pk: member.person for member in members})
    found: dict[UUID, list[Sent]] = defaultdict(list)
    # In one statement, for a letter may be on its way from the one to the other right now.
    for member_id, wave, kind, at in _noted(whom, since).union(_in_flight(whom, but), all=True):
        found[whom[member_id]].append(Sent(at, wave, kind == Wave.Kind.SURVEY))
    return {member.pk: sorted(found.get(whom[member.pk], [])) for member in members}


def _noted(whom: Collection[UUID], since: datetime) -> QuerySet[Any, Any]:
    """Member, wave, its kind, and when; by way of the cases: else the database reads the events of everybody."""
    cases = Case.objects.filter(member_id__among=whom, wave__closes_at__gt=since).values_list("pk", flat=True)
    events = CaseEvent.objects.filter(case_id__among=list(cases), kind__in=LETTERS, at__gt=since)
    return events.order_by().values_list("case__member", "case__wave", "case__wave__kind", "at")


def _in_flight(whom: Collection[UUID], but: Collection[UUID]) -> QuerySet[Any, Any]:
    """The same of what is being sent or in doubt."""
    rows = Outgoing.objects.filter(member_id__among=whom, state__in=IN_FLIGHT).exclude(case=None)
    begun = rows.exclude(pk__among=but).annotate(begun=Coalesce("tried_at", "due_at"))
    return begun.order_by().values_list("member", "case__wave", "case__wave__kind", "begun")


def burden(
    *, member: PanelMember, kind: str, wave: Wave, silence: Silence, sent: Collection[Sent], of_study: Numbers
) -> Burden:
    """What one letter of this wave would add to. Pure."""
    last_in_wave = max((one.at for one in sent if one.wave == wave.pk), default=None)
    others = (one.at for one in sent if one.is_survey and one.wave != wave.pk)
    return Burden(
        numbers=of_study,
        hours=hours(member),
        any_hour=wave.hours_lifted,
        silence=silence,
        letters=tuple(one.at for one in sent),
        is_reminder=kind in rules.REMINDERS,
        last_in_wave=last_in_wave,
        is_survey=wave.kind == Wave.Kind.SURVEY and kind != LetterKind.INTERVIEW_REQUEST,
        last_of_other_wave=max(others, default=None),
        closes_at=wave.closes_at,
    )


def cap(study: Study) -> dict[str, Any]:
    """What the database is told of a reminder's cap: more than two only with the decision on record."""
    if study.reminders_max <= STRICT.reminders_max:
        return {"cap": STRICT.reminders_max, "raised_by_id": None}
    decided = (
        study.decisions.filter(setting=StudyDecision.Setting.REMINDERS_MAX).order_by("-decided_at").first()
    )
    return {
        "cap": study.reminders_max if decided else STRICT.reminders_max,
        "raised_by_id": decided and decided.pk,
    }
