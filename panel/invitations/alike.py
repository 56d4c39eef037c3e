"""The members of a wave, drawn or to be drawn, in groups of whom everything that decides on letters is the same.

Read in a constant number of queries, whatever the size of the panel; so a dry run asks each rule once a group. Not
here: what would be sent to them when (dry_run.py).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import TruncDate

from consent import selectors as consent
from consent.models import Purpose
from panel.invitations import burdens, queueing, rules
from panel.invitations.limits import OSLO
from panel.invitations.models import Outgoing
from panel.members.models import Hold, PanelMember, Study
from panel.waves import rules as waves
from panel.waves import sampling
from panel.waves.models import CaseEvent, Wave
from panel.waves.plans import Plan
from panel.waves.rules import Candidate, NotDrawn

READ = 5000


@dataclass(frozen=True)
class Draft:
    """A plan that might be carried out: of a wave there is, or of one that nobody planned yet."""

    study: Study
    kind: str
    plan: Plan
    opens_at: datetime
    closes_at: datetime
    wave: Wave | None = None

    @classmethod
    def of(cls, wave: Wave) -> "Draft":
        return cls(wave.study, wave.kind, wave.planned, wave.opens_at, wave.closes_at, wave)

    @property
    def is_drawn(self) -> bool:
        return self.wave is not None and self.wave.status != Wave.Status.PLANNED

    @property
    def purposes(self) -> set[Purpose]:
        """What its letters need a basis for."""
        return {
            waves.PURPOSES[self.kind],
            *(queueing.purpose(self.kind, one.kind) for one in self.plan.steps),
        }


class Written(NamedTuple):
    """A letter of this wave that there is already."""

    kind: str
    ordinal: int
    state: str
    reason: str
    due_at: datetime | None


class Earlier(NamedTuple):
    """A survey letter of the last months, to the day."""

    day: date
    here: bool
    is_survey: bool


class Alike(NamedTuple):
    """All that decides on the letters of a member."""

    status: str
    purposes: frozenset[str]
    stopped: bool
    paused_until: date | None
    held: bool
    unreachable: bool
    hours: tuple[int, int] | None
    first_batch: bool
    letters: tuple[Earlier, ...]
    events: tuple[tuple[str, date], ...]  # with their day where steps count from it
    written: tuple[Written, ...]


#: code, language
Person = tuple[str, str]
USUAL = (False, None, False, None)


@dataclass(frozen=True)
class People:
    """Who would get letters, in groups, and who is left out by the sample."""

    groups: Mapping[Alike, list[Person]]
    left_out: list[tuple[str, NotDrawn]]


def people(draft: Draft, now: datetime) -> People:
    """Of the whole study, as it is now."""
    study = draft.study
    agreed = {
        purpose: consent.holding(study_key=study.key, subjects=None, purpose=purpose)
        for purpose in draft.purposes
    }
    drawn, left_out = _drawn(draft, agreed[waves.PURPOSES[draft.kind]])
    first = None if draft.is_drawn else sampling.first_of(draft.plan, [one.code for one in drawn])
    unlike, held, letters = _unlike(study), _held(study), _letters(draft, now)
    cases, events, written = _of_wave(draft, now)
    groups: dict[Alike, list[Person]] = defaultdict(list)
    for one in drawn:
        case, in_first = cases.get(one.pk, (None, first is None or one.code in first))
        stopped, paused_until, unreachable, hours = unlike.get(one.pk, USUAL)
        alike = Alike(
            status=one.status,
            purposes=frozenset(purpose for purpose, codes in agreed.items() if one.code in codes),
            stopped=stopped,
            paused_until=paused_until,
            held=one.pk in held,
            unreachable=unreachable,
            hours=hours,
            first_batch=in_first,
            letters=tuple(sorted(letters.get(one.pk, ()))),
            events=tuple(sorted(events.get(case, ()))),
            written=tuple(sorted(written.get(case, ()))),
        )
        groups[alike].append((one.code, one.language))
    return People(groups, left_out)


def _drawn(draft: Draft, agreed: set[str]) -> tuple[list[Candidate], list[tuple[str, NotDrawn]]]:
    """Who has a case; where nobody has, who would get one."""
    there = set(draft.wave.cases.values_list("member", flat=True)) if draft.wave and draft.is_drawn else None
    drawn, left_out = [], []
    plan = draft.plan
    for one, why in sampling.looked_at(draft.study, draft.kind, plan, agreed):
        if (why is None and there is None) or (there is not None and one.pk in there):
            drawn.append(one)
        else:
            left_out.append((one.code, why or NotDrawn.LATER))
    return drawn, left_out


def _unlike(study: Study) -> dict[UUID, tuple[bool, date | None, bool, tuple[int, int] | None]]:
    """Members who stopped or paused mail, can't be reached or chose hours; all others are as usual."""
    some = (
        Q(mail_stopped=True)
        | Q(paused_until__isnull=False)
        | Q(unreachable=True)
        | Q(hours_from__isnull=False)
    )
    found = PanelMember.objects.filter(some, study=study).values_list(
        "pk", "mail_stopped", "paused_until", "unreachable", "hours_from", "hours_until"
    )
    return {
        pk: (stopped, paused, unreachable, (start, end) if start is not None and end is not None else None)
        for pk, stopped, paused, unreachable, start, end in found.iterator(chunk_size=READ)
    }


def _held(study: Study) -> set[UUID]:
    return set(Hold.objects.filter(member__study=study, lifted_at=None).values_list("member", flat=True))


def _letters(draft: Draft, now: datetime) -> dict[UUID, list[Earlier]]:
    """The survey letters of the last months to each person, over all studies, to the day."""
    since = burdens.look_back([draft.study], now)
    here = draft.wave.pk if draft.wave else None
    kinds = dict(Wave.objects.values_list("pk", "kind"))
    found: dict[UUID, list[Earlier]] = defaultdict(list)
    made: dict[tuple[UUID, date], Earlier] = {}  # days are few, letters many
    for member, wave, day in _sent_to(draft.study, since):
        one = made.get((wave, day))
        if one is None:
            one = made[wave, day] = Earlier(day, wave == here, kinds[wave] == Wave.Kind.SURVEY)
        found[member].append(one)
    return found


def _sent_to(study: Study, since: datetime) -> Iterator[tuple[UUID, UUID, date]]:
    """Of this study's members, and of the same persons in others."""
    persons = dict(PanelMember.objects.filter(study=study, person__isnull=False).values_list("person", "pk"))
    noted = CaseEvent.objects.filter(kind__in=burdens.LETTERS, at__gt=since)
    flying = Outgoing.objects.filter(state__in=burdens.IN_FLIGHT, case__isnull=False)
    yield from _read(noted.filter(case__member__study=study), "case__member", "at")
    yield from _read(flying.filter(member__study=study), "member", "due_at")
    if persons:
        elsewhere = PanelMember.objects.filter(
            person__in=PanelMember.objects.filter(study=study, person__isnull=False).values("person")
        ).exclude(study=study)
        same = {pk: persons[person] for pk, person in elsewhere.values_list("pk", "person")}
        for rows in (
            _read(noted.filter(case__member__in=elsewhere), "case__member", "at"),
            _read(flying.filter(member__in=elsewhere), "member", "due_at"),
        ):
            for member, wave, day in rows:
                yield same[member], wave, day


def _read(rows: QuerySet, member: str, at: str) -> Iterator[tuple[UUID, UUID, date]]:  # type: ignore[type-arg]
    day = TruncDate(at, tzinfo=OSLO)
    return rows.values_list(member, "case__wave", day).iterator(chunk_size=READ)


Events = dict[UUID | None, list[tuple[str, date]]]


def _of_wave(
    draft: Draft, now: datetime
) -> tuple[dict[UUID, tuple[UUID, bool]], Events, dict[UUID | None, list[Written]]]:
    """The cases there are by member, with what happened in them and their letters."""
    events: Events = defaultdict(list)
    written: dict[UUID | None, list[Written]] = defaultdict(list)
    if draft.wave is None or not draft.is_drawn:
        return {}, events, written
    rows = draft.wave.cases.values_list("member", "pk", "first_batch")
    cases = {member: (pk, first) for member, pk, first in rows.iterator(chunk_size=READ)}
    happened = CaseEvent.objects.filter(case__wave=draft.wave)
    counted = {CaseEvent.Kind.COMPLETED, rules.EVENTS[rules.MAIN_OF[draft.kind]]}
    for case, kind, day in happened.values_list("case", "kind", TruncDate("at", tzinfo=OSLO)).iterator(
        chunk_size=READ
    ):
        events[case].append((kind, day if kind in counted else date.min))
    letters = Outgoing.objects.filter(case__wave=draft.wave)
    fields = ("case", "kind", "ordinal", "state", "reason", "due_at")
    for case, kind, ordinal, state, reason, due_at in letters.values_list(*fields).iterator(chunk_size=READ):
        waits = state in rules.WAITING or state == rules.State.CLAIMED
        due = max(due_at, now) if waits else None
        written[case].append(Written(kind, ordinal, state, reason, due))
    return cases, events, written
