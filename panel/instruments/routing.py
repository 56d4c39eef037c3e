"""Who is asked what: which pages and items a respondent's answers so far lead to, and which options they see.

Pure. A condition may only ask about earlier pages (form_checks.py refuses others), so one walk from the
first page to the last decides everything, and a page needs no JavaScript.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from panel.instruments.questionnaire import SELECTS, Answers, Choice, Item, Kind, Page, Questionnaire, Value
from panel.instruments.xpath import Instance

# Routing never depends on the day: `today()` is refused in it, so that a file can be coded years later.
_NO_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """A page that is asked, with the items it shows and the options each offers."""

    page: Page
    items: tuple[Item, ...]
    offered: Mapping[str, tuple[Choice, ...]]


@dataclass(frozen=True, slots=True)
class Route:
    """The way through the form that these answers make, and those of the answers that count on it."""

    steps: tuple[Step, ...]
    answers: dict[str, Value]

    def step(self, page: str) -> Step | None:
        """The step of that page, if it is asked."""
        return next((step for step in self.steps if step.page.name == page), None)

    def names(self) -> list[str]:
        """The pages that are asked, in their order."""
        return [step.page.name for step in self.steps]

    def before(self, page: str) -> str | None:
        """The page before one of this way; None at the beginning."""
        here = self.names().index(page)
        return self.names()[here - 1] if here else None

    def place(self, page: str) -> tuple[int, int]:
        """Which of how many pages of this way a page is."""
        return self.names().index(page) + 1, len(self.steps)


def as_text(item: Item, value: Value | None) -> str:
    """An answer as the form's XML instance writes it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    return f"{value}-01" if item.kind == Kind.MONTH else str(value)


def route(q: Questionnaire, answers: Answers) -> Route:
    """Walk the form: what is asked, what is offered, and the answers without those that no longer count."""
    instance, steps = Instance(_NO_DAY), []
    kept: dict[str, Value] = {}
    for page in q.pages:
        step = _step(q, page, instance)
        if step is not None:
            steps.append(step)
            kept.update(_counting(step, answers))
        add_page(instance, page, kept)
    return Route(tuple(steps), kept)


def add_page(instance: Instance, page: Page, answers: Answers) -> None:
    """Give the instance a page's answers; a question without one is there, empty."""
    asked = (item for item in page.items if item.kind != Kind.NOTE)
    instance.add(page.name, {item.name: as_text(item, answers.get(item.name)) for item in asked})


def _step(q: Questionnaire, page: Page, instance: Instance) -> Step | None:
    if page.relevant and not instance.holds(page.relevant):
        return None
    items = tuple(item for item in page.items if not item.relevant or instance.holds(item.relevant))
    offered = {item.name: _offered(q, item, instance) for item in items if item.kind in SELECTS}
    return Step(page, items, offered) if items else None


def _offered(q: Questionnaire, item: Item, instance: Instance) -> tuple[Choice, ...]:
    """The options let through by the item's choice_filter; of two variants of a code, the first."""
    shown: dict[str, Choice] = {}
    for choice in q.options(item):
        if choice.code not in shown and (
            not item.choice_filter or instance.offers(item.choice_filter, choice.columns)
        ):
            shown[choice.code] = choice
    return tuple(shown.values())


def _counting(step: Step, answers: Answers) -> dict[str, Value]:
    """The answers of a step that count: given to an item that is asked, by an option that is offered."""
    kept: dict[str, Value] = {}
    for item in step.items:
        value = answers.get(item.name)
        codes = {choice.code for choice in step.offered.get(item.name, ())}
        if item.kind == Kind.SELECT_MULTIPLE and isinstance(value, list):
            value = [code for code in value if code in codes] or None
        elif item.kind == Kind.SELECT_ONE and value not in codes:
            value = None
        if value is not None:
            kept[item.name] = value
    return kept


def settled(q: Questionnaire, answers: Answers) -> dict[str, Value]:
    """The answers that count: what became irrelevant when the respondent went back is gone."""
    return route(q, answers).answers


def residency_answers(q: Questionnaire, answers: Answers) -> dict[str, Value]:
    """What was told of where the respondent lives, by role: status, region, left_month, arrived_month."""
    counting = settled(q, answers)
    return {
        item.residency: counting[item.name] for item in q.items() if item.residency and item.name in counting
    }
