"""Who may answer now, and which pages are behind a respondent. Pure; knows nothing of links or letters."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from panel.instruments.questionnaire import Kind
from panel.instruments.routing import Route


class Why(StrEnum):
    """Why a case can't be answered now."""

    NOT_OPEN = "not_open"
    CLOSED = "closed"
    LEFT = "left"
    HELD = "held"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether a case may be answered."""

    opens_at: datetime
    closes_at: datetime
    wave_open: bool
    wave_closed: bool
    member_active: bool
    held: bool
    completed: bool


def why_not(case: Standing, *, now: datetime) -> Why | None:
    """The reason why this case can't be answered at this moment; None if it can."""
    if not case.member_active:
        return Why.LEFT
    if case.completed:
        return Why.COMPLETED
    if case.wave_closed or now >= case.closes_at:
        return Why.CLOSED
    if not case.wave_open or now < case.opens_at:
        return Why.NOT_OPEN
    return Why.HELD if case.held else None


def still_saved(before: Route, after: Route, saved: Collection[str]) -> list[str]:
    """The saved pages that still ask what they asked. A page that asks something new is to be seen again."""
    steps = [step for step in after.steps if step.page.name in saved]
    return [step.page.name for step in steps if before.step(step.page.name) == step]


def enough(way: Route) -> bool:
    """Whether half of what is asked on this way is answered: then a case that goes no further is a partial
    (AAPOR 1.2) and no break-off.
    """
    asked = [item.name for step in way.steps for item in step.items if item.kind != Kind.NOTE]
    return 2 * len(way.answers.keys() & set(asked)) >= len(asked) > 0


def to_go_on(way: Route, saved: Collection[str]) -> str | None:
    """The first page of the way that is not saved; None if all are."""
    return next((name for name in way.names() if name not in saved), None)


def after(way: Route, page: str, saved: Iterable[str]) -> str | None:
    """Where "Next" leads: the page after this one; at the end, to one left out on the way, if any."""
    names = way.names()
    here = names.index(page)
    return names[here + 1] if here + 1 < len(names) else to_go_on(way, set(saved))


def shown_page(way: Route, saved: Collection[str], wanted: str | None) -> str | None:
    """The page to show: the wanted one if it was reached, else the one to go on with; None if all is done."""
    current = to_go_on(way, saved)
    reached = set(way.names()) & set(saved) | {current}
    return wanted if wanted is not None and wanted in reached else current
