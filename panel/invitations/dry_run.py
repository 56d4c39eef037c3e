"""A wave run dry: who would get which letter when, and who not, and why. Nothing is written and nothing is sent.

The same pure rules as at sending decide (rules.may_send, limits.py), asked in memory once for each group of members
of whom all is alike (alike.py). Nobody is taken to answer, so it shows the most that would go out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.invitations import burdens, limits, queueing, rules, timing
from panel.invitations.alike import Alike, Draft, People, Person, people
from panel.invitations.limits import USUAL, Burden, Hours
from panel.invitations.models import LetterKind
from panel.invitations.rules import Facts, Reason, State
from panel.waves import plans
from panel.waves.models import CaseEvent, Wave
from panel.waves.plans import Step, StepKind
from panel.waves.rules import NotDrawn

ASSUMED: tuple[str | Promise, ...] = (
    _("Nobody answers from now on, and nobody stops or pauses letters: fewer will go out."),
    _("Each letter arrives, and the study may send. Letters of other waves that still wait are not counted."),
)
NOON = time(12)
#: A hold or a refused address is looked at each morning; after so many looks it stands.
LOOKS = 800


class Sent(NamedTuple):
    """A letter that would go out on a day."""

    kind: StepKind
    ordinal: int
    day: date


class Unsent(NamedTuple):
    """A letter that would not go; `past_close` where it would wait until the wave is over."""

    kind: StepKind
    ordinal: int
    reason: Reason
    past_close: bool


@dataclass
class Track:
    """A group on its way through the wave."""

    alike: Alike
    people: list[Person]
    done: set[tuple[StepKind, int]]
    letters: list[datetime]
    main_sent: date | None
    last_here: datetime | None
    sent: tuple[Sent, ...] = ()
    unsent: tuple[Unsent, ...] = ()

    def part(self, some: list[Person]) -> "Track":
        """The same way up to here for some of them."""
        return Track(
            self.alike, some, set(self.done), list(self.letters), self.main_sent, self.last_here, self.sent,
            self.unsent,
        )  # fmt: skip


@dataclass(frozen=True)
class Forecast:
    """What a dry run found. Lists are by code, for staff who work with codes (NEV-10)."""

    draft: Draft
    tracks: list[Track]
    excluded: list[tuple[str, NotDrawn]]
    by_language: Mapping[date, Counter[str]] = field(default_factory=dict)
    by_step: Mapping[date, Counter[tuple[StepKind, int]]] = field(default_factory=dict)

    @property
    def sample(self) -> int:
        return sum(len(track.people) for track in self.tracks)

    @property
    def letters(self) -> int:
        return sum(one.total() for one in self.by_language.values())

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Members who would get no letter at all of this wave, with the reason; by code."""
        found = [(code, str(why.value)) for code, why in self.excluded]
        for track in self.tracks:
            if not track.sent and track.main_sent is None and track.unsent:
                found += [(code, track.unsent[0].reason.value) for code, _language in track.people]
        return sorted(found)

    @property
    def past_close(self) -> list[tuple[str, Unsent]]:
        """Letters that would be deferred past the close, so that they would never go; by code."""
        return sorted(
            (code, one)
            for track in self.tracks
            for one in track.unsent
            if one.past_close
            for code, _language in track.people
        )

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "assumed": [str(sentence) for sentence in ASSUMED],
            "opens": self.draft.opens_at,
            "closes": self.draft.closes_at,
            "sample": self.sample,
            "letters": self.letters,
            "days": [
                {
                    "day": day,
                    "letters": languages.total(),
                    "by_language": dict(sorted(languages.items())),
                    "by_step": {
                        f"{kind.value} {number}": letters
                        for (kind, number), letters in sorted(self.by_step[day].items())
                    },
                }
                for day, languages in sorted(self.by_language.items())
            ],
            "left_out": [{"code": code, "reason": reason} for code, reason in self.left_out],
            "past_close": [
                {"code": code, "letter": one.kind.value, "number": one.ordinal, "reason": one.reason.value}
                for code, one in self.past_close
            ],
        }


def forecast(draft: Draft, now: datetime) -> Forecast:
    """Runs a plan dry, as things stand now, with the daily quota if there is one."""
    found = people(draft, now)
    return run(draft, found, now, quota=settings.MAIL_PER_DAY)


def run(draft: Draft, found: People, now: datetime, *, quota: int = 0, retime: bool = False) -> Forecast:
    """The same with members already read. `retime`: what waits follows this plan, as when a change is applied."""
    return _Run(draft, now, quota, retime).go(found)


class _Run:
    """One run: what is the same for all, and the letters in the order of their time."""

    def __init__(self, draft: Draft, now: datetime, quota: int, retime: bool) -> None:
        self.draft, self.now, self.quota, self.retime = draft, now, quota, retime
        wave = draft.wave
        self.opening = timing.Opening.of(draft.plan, draft.opens_at, wave.rest_released_at if wave else None)
        self.any_hour = wave.hours_lifted if wave else False
        self.numbers = burdens.numbers(draft.study)
        self.silence = burdens.silences({draft.study.pk})[draft.study.pk]
        self.main = rules.MAIN_OF[draft.kind]
        self.heap: list[tuple[datetime, int, Track, Step]] = []
        self.order = count()
        self.by_language: dict[date, Counter[str]] = defaultdict(Counter)
        self.by_step: dict[date, Counter[tuple[StepKind, int]]] = defaultdict(Counter)

    def go(self, found: People) -> Forecast:
        tracks = [self._track(alike, some) for alike, some in found.groups.items()]
        for track in tracks:
            self._push_next(track)
        while self.heap:
            at, _order, track, step = heappop(self.heap)
            if late := self._within_quota(track, limits.local_day(at)):
                if late is not track:
                    tracks.append(late)
                if not self._try(late, step, limits.midnight(limits.local_day(at) + timedelta(days=1))):
                    self._push_next(late)
                if late is track:
                    continue
            self._send(track, step, at)
            self._push_next(track)
        return Forecast(self.draft, tracks, found.left_out, self.by_language, self.by_step)

    def _track(self, alike: Alike, some: list[Person]) -> Track:
        main = [day for kind, day in alike.events if kind == rules.EVENTS[self.main]]
        here = [one.day for one in alike.letters if one.here]
        return Track(
            alike=alike,
            people=some,
            done={(one.kind, one.ordinal) for one in self.draft.plan.steps if self._is_over(one, alike)},
            letters=[_noon(one.day) for one in alike.letters],
            main_sent=min(main, default=None),
            last_here=_noon(max(here)) if here else None,
        )

    def _is_over(self, step: Step, alike: Alike) -> bool:
        """Whether it was sent, or can't be any more, or isn't for them; a letter that waits is still to come."""
        if not plans.holds(step.to, {kind for kind, _day in alike.events}):
            return True
        for one in alike.written:
            if one.ordinal == step.ordinal and plans.alike(StepKind(one.kind), step.kind):
                by_plan = one.state == State.CANCELLED and one.reason in rules.BY_PLAN
                held_up = (
                    one.state == State.CANCELLED and one.reason in rules.REVERSIBLE and one.kind == self.main
                )
                if one.due_at is None and not by_plan and not held_up:
                    return True
        return False

    def _push_next(self, track: Track) -> None:
        """The next letter that would go, into its place in time; what won't go on the way is noted."""
        while (found := self._next(track)) is not None:
            step, due = found
            if self._try(track, step, max(due, self.now)):
                return

    def _next(self, track: Track) -> tuple[Step, datetime] | None:
        waiting = []
        for number, step in enumerate(self.draft.plan.steps):
            if (step.kind, step.ordinal) not in track.done and (due := self._due(step, track)):
                waiting.append((due, number, step))
        if not waiting:
            return None
        due, _number, step = min(waiting)[:3]
        return step, due

    def _due(self, step: Step, track: Track) -> datetime | None:
        completed = min(
            (day for kind, day in track.alike.events if kind == CaseEvent.Kind.COMPLETED), default=None
        )
        due = timing.moment(
            step,
            self.opening,
            first_batch=track.alike.first_batch,
            main_sent=track.main_sent,
            completed=completed,
        )
        for one in track.alike.written:
            if due and one.due_at and (one.kind, one.ordinal) == (step.kind, step.ordinal):
                waits = one.state == State.QUEUED or one.reason == Reason.MOVED
                if self.retime:
                    return timing.retimed(one.due_at, due, waits_for_plan=waits, now=self.now)
                return one.due_at
        return due

    def _try(self, track: Track, step: Step, at: datetime) -> bool:
        """From this moment on: into its place in time, or noted as not sent."""
        reason = Reason.CLOSED
        for _look in range(LOOKS):
            if at >= self.draft.closes_at:
                break
            verdict = rules.may_send(self._facts(track, step, at), at)
            if verdict.send:
                heappush(self.heap, (at, next(self.order), track, step))
                return True
            reason = verdict.reason or reason
            if verdict.until is None:
                self._note(track, step, reason, past_close=False)
                return False
            at = max(verdict.until, at + timedelta(minutes=1))
        self._note(track, step, reason, past_close=True)
        return False

    def _note(self, track: Track, step: Step, reason: Reason, *, past_close: bool) -> None:
        track.done.add((step.kind, step.ordinal))
        track.unsent = (*track.unsent, Unsent(step.kind, step.ordinal, reason, past_close))

    def _facts(self, track: Track, step: Step, at: datetime) -> Facts:
        alike, kind = track.alike, LetterKind(step.kind.value)
        kinds = [kind for kind, _day in alike.events]
        reminded = [one for one in track.sent if one.kind in plans.REMINDERS]
        before = {rules.EVENTS[one] for one in rules.REMINDERS}
        return Facts(
            kind=kind,
            agreed=queueing.purpose(self.draft.kind, step.kind) in alike.purposes,
            status=alike.status,
            stopped=alike.stopped,
            paused_until=alike.paused_until,
            held=alike.held,
            unreachable=alike.unreachable,
            wave_status=Wave.Status.OPEN if at >= self.draft.opens_at else Wave.Status.APPROVED,
            opens_at=self.draft.opens_at,
            closes_at=self.draft.closes_at,
            case_kinds=kinds,
            to=step.to,
            reminders_sent=sum(one in before for one in kinds) + len(reminded),
            burden=self._burden(track, kind),
        )

    def _burden(self, track: Track, kind: LetterKind) -> Burden:
        hours = track.alike.hours
        others = [one.day for one in track.alike.letters if one.is_survey and not one.here]
        return Burden(
            numbers=self.numbers,
            hours=Hours(time(hours[0]), time(hours[1])) if hours else USUAL,
            any_hour=self.any_hour,
            silence=self.silence,
            letters=track.letters,
            is_reminder=kind in rules.REMINDERS,
            last_in_wave=track.last_here,
            is_survey=self.draft.kind == Wave.Kind.SURVEY and kind != LetterKind.INTERVIEW_REQUEST,
            last_of_other_wave=_noon(max(others)) if others else None,
            closes_at=self.draft.closes_at,
        )

    def _within_quota(self, track: Track, day: date) -> Track | None:
        """Who of the group must wait for the next day; the rest stays in it."""
        room = self.quota - self.by_language[day].total() if self.quota else len(track.people)
        if room >= len(track.people):
            return None
        if room <= 0:
            return track
        late = track.part(track.people[room:])
        track.people = track.people[:room]
        return late

    def _send(self, track: Track, step: Step, at: datetime) -> None:
        day = limits.local_day(at)
        self.by_language[day].update(language for _code, language in track.people)
        self.by_step[day][step.kind, step.ordinal] += len(track.people)
        track.sent = (*track.sent, Sent(step.kind, step.ordinal, day))
        track.done.add((step.kind, step.ordinal))
        track.letters = sorted([*track.letters, at])
        track.last_here = at
        if step.kind == self.main.value:
            track.main_sent = track.main_sent or day


def _noon(day: date) -> datetime:
    return datetime.combine(day, NOON, tzinfo=limits.OSLO)


def by_code(tracks: Sequence[Track]) -> Iterator[tuple[str, Track]]:
    """Each member with the way of their group."""
    for track in tracks:
        for code, _language in track.people:
            yield code, track
