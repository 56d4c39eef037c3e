"""What a proposed change of a plan would mean: who gets a letter earlier, later, no more or newly. Nothing is written.

Both plans are run dry on the same members as they are now (dry_run.py), without the daily quota, which moves letters
by plans other than this one.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from panel.invitations import dry_run
from panel.invitations.alike import Draft, People, people
from panel.invitations.dry_run import Sent
from panel.waves.models import PlanVersion, Wave
from panel.waves.plans import Plan, StepKind
from panel.waves.rules import NotDrawn


class Change(TextChoices):
    """What becomes of a letter to a member."""

    EARLIER = "earlier", _("earlier")
    LATER = "later", _("later")
    NO_MORE = "no_more", _("no more")
    NEWLY = "newly", _("newly")


@dataclass(frozen=True)
class Moved:
    """The same change for the members of a list, by code."""

    change: str
    kind: StepKind
    ordinal: int
    day_before: date | None
    day_now: date | None


@dataclass(frozen=True)
class Difference:
    """All changes, each with its members; what neither plan moves is not in it."""

    moved: Mapping[Moved, list[str]]
    letters_before: int
    letters_now: int
    past_close: int

    def of(self, change: str) -> int:
        """How many letters change so."""
        return sum(len(codes) for one, codes in self.moved.items() if one.change == change)

    @property
    def in_order(self) -> list[tuple[Moved, list[str]]]:
        """By letter and day."""
        return sorted(self.moved.items(), key=lambda item: _place(item[0]))

    @property
    def codes(self) -> list[tuple[str, Moved]]:
        """By code."""
        return sorted(((code, one) for one, codes in self.moved.items() for code in codes), key=_by_code)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "letters_before": self.letters_before,
            "letters_now": self.letters_now,
            "past_close": self.past_close,
            **{change.value: self.of(change) for change in Change},
            "changes": [
                {
                    "change": str(one.change),
                    "letter": one.kind.value,
                    "number": one.ordinal,
                    "day_before": one.day_before,
                    "day_now": one.day_now,
                    "codes": sorted(codes),
                }
                for one, codes in self.in_order
            ],
        }


def difference(version: PlanVersion, now: datetime) -> Difference:
    """What would change if this version were put in force now."""
    return between(version.wave, Plan.from_json(version.plan), version.opens_at, version.closes_at, now)


def between(wave: Wave, plan: Plan, opens_at: datetime, closes_at: datetime, now: datetime) -> Difference:
    """The same for a plan that nobody proposed yet."""
    before = Draft.of(wave)
    after = Draft(wave.study, wave.kind, plan, opens_at, closes_at, wave)
    as_is = people(before, now)
    to_be = people(after, now) if _moves_people(before, after) else as_is
    if before.is_drawn:
        to_be = _with_newcomers(after, to_be, now)
    old = dry_run.run(before, as_is, now)
    new = dry_run.run(after, to_be, now, retime=True)
    was = {code: track.sent for code, track in dry_run.by_code(old.tracks)}
    will = {code: track.sent for code, track in dry_run.by_code(new.tracks)}
    moved: dict[Moved, list[str]] = defaultdict(list)
    for code in was.keys() | will.keys():
        for one in _compare(was.get(code, ()), will.get(code, ())):
            moved[one].append(code)
    return Difference(moved, old.letters, new.letters, len(new.past_close))


def _moves_people(before: Draft, after: Draft) -> bool:
    """Whether other members are in it, or go first, or other purposes count; who is drawn stays as drawn."""
    old, new = before.plan, after.plan
    lots = (old.soft_launch, old.seed) != (new.soft_launch, new.seed) and not before.is_drawn
    return lots or old.sample != new.sample or before.purposes != after.purposes


def _with_newcomers(after: Draft, drawn: People, now: datetime) -> People:
    """A wider sample draws those who fit it and have no case yet."""
    assert after.wave
    late = {code for code, why in drawn.left_out if why == NotDrawn.LATER}
    if not late or after.plan.sample == after.wave.planned.sample:
        return drawn
    undrawn = people(Draft(after.study, after.kind, after.plan, after.opens_at, after.closes_at), now)
    groups = {alike: list(some) for alike, some in drawn.groups.items()}
    for alike, some in undrawn.groups.items():
        if new := [person for person in some if person[0] in late]:
            groups.setdefault(alike, []).extend(new)
    return People(groups, [(code, why) for code, why in drawn.left_out if code not in late])


def _compare(was: tuple[Sent, ...], will: tuple[Sent, ...]) -> list[Moved]:
    before = {(one.kind, one.ordinal): one.day for one in was}
    after = {(one.kind, one.ordinal): one.day for one in will}
    found = []
    for kind, ordinal in before.keys() | after.keys():
        then, now = before.get((kind, ordinal)), after.get((kind, ordinal))
        if then == now:
            continue
        change = Change.NEWLY if then is None else Change.NO_MORE if now is None else _direction(then, now)
        found.append(Moved(change.value, kind, ordinal, then, now))
    return found


def _direction(then: date, now: date) -> Change:
    return Change.EARLIER if now < then else Change.LATER


def _place(one: Moved) -> tuple[str, int, date, str]:
    return one.kind.value, one.ordinal, one.day_now or date.max, one.change


def _by_code(row: tuple[str, Moved]) -> tuple[str, tuple[str, int, date, str]]:
    return row[0], _place(row[1])
