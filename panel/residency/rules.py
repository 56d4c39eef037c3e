"""Where a member lived when, from what they told; what deserves a look; which review may follow which.

Pure. Works on what the member said and nothing else (RES-03): there is no argument for a bounce, a silence, a
language or a time zone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from panel.members.models import PanelMember
from panel.residency.models import Flag

Place = PanelMember.Place

OUTSIDE = frozenset({Place.RETURNED, Place.MOVED_ON})
KNOWN = frozenset({Place.IN_NORWAY, Place.RETURNED, Place.MOVED_ON, Place.AWAY})
#: People misremember a month or two; further apart, two months of one move contradict each other.
MEMORY_MONTHS = 3

#: A flag can be reviewed anew; it never becomes unreviewed again.
TRANSITIONS: dict[str, frozenset[str]] = {
    Flag.State.OPEN: frozenset({Flag.State.CONFIRMED, Flag.State.DISMISSED}),
    Flag.State.CONFIRMED: frozenset({Flag.State.DISMISSED}),
    Flag.State.DISMISSED: frozenset({Flag.State.CONFIRMED}),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of evidence: place, since when (both months YYYY-MM or blank), and the review it got."""

    number: int
    place: str
    told: str  # the month of telling
    month: str = ""
    arrived: str = ""
    region: str = ""
    flag: str = ""  # the state of its flag; blank where it raised none


@dataclass(frozen=True, slots=True)
class Stretch:
    """A spell: the months from `start` until `end`, the month in which the next began."""

    place: str
    region: str
    start: str
    start_told: bool
    end: str = ""


def counting(evidence: Iterable[Told]) -> list[Told]:
    """What counts, in the order of telling: a known place, not dismissed by a review."""
    kept = (one for one in evidence if one.place in KNOWN and one.flag != Flag.State.DISMISSED)
    return sorted(kept, key=lambda one: one.number)


def spells(evidence: Iterable[Told]) -> list[Stretch]:
    """The member's spells. What is told later wins from the month it speaks of; only the last has no end."""
    timeline: list[Stretch] = []
    for one in counting(evidence):
        timeline = _put(_arrival(timeline, one), one)
    ended = [replace(stretch, end=following.start) for stretch, following in pairwise(timeline)]
    return ended + timeline[-1:]


def _arrival(timeline: list[Stretch], one: Told) -> list[Stretch]:
    """A told arrival begins the first spell in Norway, where that has no told beginning yet."""
    first = timeline[0] if timeline else None
    if not one.arrived or _leaves_before_arriving(one):
        return timeline
    if first is None and one.place != Place.IN_NORWAY:
        return [Stretch(Place.IN_NORWAY, "", one.arrived, True)]
    if first and first.place == Place.IN_NORWAY and not first.start_told and one.arrived < first.start:
        return [replace(first, start=one.arrived, start_told=True), *timeline[1:]]
    return timeline


def _put(timeline: list[Stretch], one: Told) -> list[Stretch]:
    last = timeline[-1] if timeline else None
    start, told = _start(last, one)
    if last and last.place == one.place and (not told or last.start <= start):
        return _goes_on(timeline, one)
    before = [stretch for stretch in timeline if stretch.start < start or _same_month(stretch, one, start)]
    if before and before[-1].place == one.place:
        return _goes_on(before, one)
    return [*before, Stretch(one.place, one.region, start, told)]


def _goes_on(timeline: list[Stretch], one: Told) -> list[Stretch]:
    """Still there; the region told last is kept."""
    last = timeline[-1]
    return [*timeline[:-1], replace(last, region=one.region or last.region)]


def _same_month(stretch: Stretch, one: Told, start: str) -> bool:
    """Came and left within one month: the stay in Norway is kept, though it has no length."""
    return stretch.place == Place.IN_NORWAY != one.place and stretch.start == start == one.arrived


def _start(last: Stretch | None, one: Told) -> tuple[str, bool]:
    """Since when, and whether that was told; the month of telling where it wasn't or can't be."""
    if one.place == Place.IN_NORWAY:
        told = one.arrived if last is None or one.arrived > last.start else ""
    else:
        told = one.month
    return (told, True) if told and told <= one.told else (one.told, False)


def _leaves_before_arriving(one: Told) -> bool:
    return bool(one.place != Place.IN_NORWAY and one.month and one.arrived and one.month < one.arrived)


def flag_for(evidence: Sequence[Told], one: Told) -> Flag.Kind | None:
    """What about `one`, told after `evidence`, a person should look at; None if nothing."""
    if one.place not in KNOWN:
        return None
    earlier = counting(evidence)
    if contradicts(earlier, one):
        return Flag.Kind.CONTRADICTION
    before = earlier[-1].place if earlier else Place.IN_NORWAY  # the panel was recruited in Norway
    if one.place == before:
        return None
    return Flag.Kind.LEFT if one.place in OUTSIDE and before not in OUTSIDE else Flag.Kind.CHANGED


def contradicts(earlier: Sequence[Told], one: Told) -> bool:
    """Whether `one` can't be true by itself, or beside what was told earlier."""
    if _leaves_before_arriving(one) or max(one.month, one.arrived) > one.told:
        return True
    return any(_elsewhere_then(other, one) for other in earlier) or bool(
        earlier and _moved_date(earlier[-1], one)
    )


def _elsewhere_then(other: Told, one: Told) -> bool:
    """Two places told in one month, or a place claimed for a month in which another one was told."""
    return other.place != one.place and (other.told == one.told or "" < one.month < other.told)


def _moved_date(last: Told, one: Told) -> bool:
    both = last.place == one.place and last.month and one.month
    return bool(both and abs(months_between(last.month, one.month)) > MEMORY_MONTHS)


def is_month(text: str) -> bool:
    """Whether this is a month, YYYY-MM."""
    return bool(re.fullmatch(r"(19|20)\d{2}-(0[1-9]|1[0-2])", text))


def months_between(first: str, second: str) -> int:
    """From the first YYYY-MM to the second."""
    return (int(second[:4]) - int(first[:4])) * 12 + int(second[5:7]) - int(first[5:7])


def reviewed_place(evidence: Iterable[Told]) -> Place:
    """Where the member lives as far as reviewed: a confirmed flag, or "in Norway" that nobody doubts."""
    settled = [
        one
        for one in counting(evidence)
        if one.flag == Flag.State.CONFIRMED or (one.flag == "" and one.place == Place.IN_NORWAY)
    ]
    return Place(settled[-1].place) if settled else Place.UNKNOWN
