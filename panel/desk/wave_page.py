"""The page of one wave, as a coordinator sees it: its days, its letters, how it stands, what came of it.

Work counts are exact; what is broken down by who people are keeps to the threshold (NEV-10). No address, no
status of a member: lists by code are a link away, for who may see them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from panel import clock
from panel.desk.progress import chart_of
from panel.desk.words import COLOURS, language, reason
from panel.invitations import pauses, soft_launch
from panel.invitations import selectors as outbox
from panel.invitations.models import Outgoing
from panel.invitations.rules import UNDER_WAY
from panel.invitations.selectors import Letters
from panel.members.rules import Verb
from panel.threshold import k_of
from panel.waves import outcomes, plans, selectors
from panel.waves.dispositions import CODES, EDITION, GROUPS, Tally
from panel.waves.models import Wave
from panel.waves.outcomes import Outcome
from panel.waves.plans import Step
from panel.waves.rates import FORMULAS, Rate

Words = str | Promise
State, Status = Outgoing.State, Wave.Status


def context(request: HttpRequest, wave: Wave, may: frozenset[Verb]) -> dict[str, Any]:
    """What the page shows, in a constant number of queries."""
    progress, today = selectors.progress(wave), localdate(clock.now())
    letters = outbox.letters_of(wave) if may & {Verb.SEE_PROGRESS, Verb.SEE_OUTBOX} else []
    return {
        "progress": progress,
        "chart": chart_of(progress),
        "calendar": calendar(wave, letters, today=today),
        "steps_without_day": without_day(wave, letters),
        "may_try": Verb.DRAFT_LETTER in may,
        "may_see_letters": bool(may & {Verb.SEE_PROGRESS, Verb.SEE_OUTBOX}),
        "outbox": states(letters, _list_of(wave) if Verb.SEE_OUTBOX in may else ""),
        "soft_launch": soft_launch.standing(wave),
        "lost": outbox.lost_contacts(wave) if Verb.SEE_LOST in may else 0,
        "lost_url": f"{reverse('desk:invitations_lostcontact_changelist')}?presses=open",
        "pause": pauses.standing(wave.study) if wave.status in (Status.APPROVED, Status.OPEN) else None,
        "decisions": wave.study.decisions.filter(about=wave.name).order_by("-decided_at"),
        **(_outcome(wave, progress.tally, invited=progress.invited) if Verb.SEE_RATES in may else {}),
    }


# --- its days


@dataclass(frozen=True)
class Entry:
    """Something that happens on a day, or from a day on; for a step, to whom and how many letters of it."""

    day: date
    words: Words
    to: Words = ""
    sent: int | None = None
    waiting: int = 0
    from_then: bool = False
    letter: str = ""  # the page of the version that its plan names: to read it, and to try it on oneself
    when: str = ""  # "past", "today", "next" or nothing: it comes later


def calendar(wave: Wave, letters: Sequence[Letters], *, today: date) -> list[Entry]:
    """The wave's days in their order, with a mark on what comes next; what a close came before is left out."""
    entries = [
        Entry(localdate(wave.opens_at), _("It opens")),
        *(one for one in _dated_steps(wave, letters) if _still_comes(one, wave)),
        *_silent_days(wave),
        Entry(localdate(wave.closes_at), _("It closes: links say thanks for 14 days more")),
    ]
    coming = next((entry.day for entry in sorted(entries, key=_day) if entry.day > today), None)
    return [replace(entry, when=_when(entry.day, today, coming)) for entry in sorted(entries, key=_day)]


def without_day(wave: Wave, letters: Sequence[Letters]) -> list[Entry]:
    """Steps whose day is each member's own: a thank-you follows each completion."""
    opening = localdate(wave.opens_at)
    return [
        _entry(step, opening, letters)
        for step in wave.planned.steps
        if _first_day(step, wave, opening) is None
    ]


def _still_comes(entry: Entry, wave: Wave) -> bool:
    return wave.status != Status.CLOSED or entry.day <= localdate(wave.closes_at)


def _day(entry: Entry) -> date:
    return entry.day


def _when(day: date, today: date, coming: date | None) -> str:
    if day < today:
        return "past"
    return "today" if day == today else "next" if day == coming else ""


def _dated_steps(wave: Wave, letters: Sequence[Letters]) -> Iterable[Entry]:
    opening = localdate(wave.opens_at)
    for step in wave.planned.steps:
        day = _first_day(step, wave, opening)
        if day is not None:
            yield _entry(step, day, letters)


def _silent_days(wave: Wave) -> Iterable[Entry]:
    """Days on which the study writes to nobody."""
    first, last = localdate(wave.opens_at), localdate(wave.closes_at)
    silent = list(wave.study.silent_days.all())
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        for one in silent:
            if (one.month, one.day) == (day.month, day.day) and one.year in (None, day.year):
                yield Entry(day, _("day of silence, no letters"), one.name)


def _first_day(step: Step, wave: Wave, opening: date) -> date | None:
    """The first day on which anybody gets it; reminders count from each member's own invitation."""
    main = wave.planned.main
    sent = opening + timedelta(days=main.days) if main else None
    return plans.due_on(step, opening=opening, main_sent=sent, completed=None)


def _entry(step: Step, day: date, letters: Sequence[Letters]) -> Entry:
    alike = [one for one in letters if one.kind == step.kind.value and one.ordinal == step.ordinal]
    return Entry(
        day,
        step.kind.label,
        step.to.label,
        sent=sum(one.number for one in alike if one.state == State.SENT),
        waiting=sum(one.number for one in alike if one.state in UNDER_WAY),
        from_then=step.kind in plans.AFTER_INVITATION,
        letter=reverse("desk:invitations_letter_change", args=[step.letter]) if step.letter else "",
    )


# --- its letters


@dataclass(frozen=True)
class Line:
    """So many letters, and the list of them by code for who may see it."""

    words: Words
    number: int
    url: str
    colour: str = ""


@dataclass(frozen=True)
class InState:
    """The letters of one state, and for which reasons they are in it."""

    line: Line
    reasons: list[Line]


def states(letters: Sequence[Letters], url: str) -> list[InState]:
    """The wave's outbox by state, with reasons."""
    found = []
    for state in State:
        mine = [one for one in letters if one.state == state]
        if mine:
            at = f"{url}&state__exact={state.value}" if url else ""
            line = Line(state.label, sum(one.number for one in mine), at, COLOURS[state])
            found.append(InState(line, _reasons(mine, at)))
    return found


def _reasons(letters: Sequence[Letters], url: str) -> list[Line]:
    counted: Counter[str] = Counter()
    for one in letters:
        counted[one.reason] += one.number
    return [
        Line(reason(code), number, f"{url}&reason__exact={code}" if url else "")
        for code, number in counted.most_common()
        if code
    ]


def _list_of(wave: Wave) -> str:
    return f"{reverse('desk:invitations_outgoing_changelist')}?wave={wave.pk}"


# --- what came of it


@dataclass(frozen=True)
class Told:
    """Rates that are the same share of the same people, with what the first of them says."""

    names: tuple[str, ...]
    rate: Rate
    words: Words


def _outcome(wave: Wave, tally: Tally, *, invited: int) -> dict[str, Any]:
    """Nothing where there is nothing to divide by."""
    if not tally.by_code or wave.kind == Wave.Kind.KEEP_IN_TOUCH:
        return {}
    found = outcomes.outcome_of(tally)
    way = outcomes.way(wave, found)
    is_open = way.recruitment.recruited.is_open
    return {
        "codes": codes(tally),
        "edition": EDITION,
        "rates": told(found),
        "way": way,
        "stages": [{"words": _stage(name), "rate": rate} for name, rate in way.stages.items()],
        "participation": outcomes.participation(wave, found, here=invited) if is_open else None,
        "breakdowns": [
            (_by(name), reverse("desk:waves_wave_by", args=[wave.pk, name])) for name in outcomes.BY
        ],
    }


def codes(tally: Tally) -> list[dict[str, Any]]:
    """A line for each code that occurs."""
    return [
        {
            "code": CODES[code],
            "group": GROUPS[CODES[code].group],
            "number": number,
            "interim": number - tally.final[code],
        }
        for code, number in sorted(tally.by_code.items())
    ]


def told(found: Outcome) -> list[Told]:
    """The rates that have a base; those that differ by the unknown alone stand in one line where none is."""
    alike: dict[tuple[frozenset[str], frozenset[str], Rate], list[str]] = {}
    for name, rate in found.rates.items():
        if rate.value is not None:
            formula = FORMULAS[name]
            alike.setdefault((formula.over, formula.under, rate), []).append(name)
    return [
        Told(tuple(names), rate, FORMULAS[names[0]].words) for (_over, _under, rate), names in alike.items()
    ]


def _stage(name: str) -> str:
    return {
        "recruitment": _("recruitment"),
        "profile": _("joined the panel"),
        "retention": _("still in the panel"),
        "completion": _("completion"),
    }[name]


def _by(variable: str) -> str:
    return {"cohort": _("by cohort"), "language": _("by language")}[variable]


def by_group(wave: Wave, variable: str) -> dict[str, Any]:
    """The page that breaks a wave's rates down: RR1, and RR2 where partials may be told apart."""
    lines = outcomes.by_group(wave, variable)
    return {
        "title": f"{wave.name}: {_by(variable)}",
        "lines": [
            {"words": [_group(variable, name) for name in line.groups], "told": line} for line in lines
        ],
        "even": outcomes.evenness(lines),
        "partials": any(line.rates["RR2"] for line in lines),
        "k": k_of(wave.study.disclosure),
        "back": reverse("desk:waves_wave_change", args=[wave.pk]),
    }


def _group(variable: str, name: str) -> str:
    if name == outcomes.ERASED:
        return _("erased members")
    return language(name) if variable == "language" else name
