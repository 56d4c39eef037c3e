"""Answers as the columns of a file, with the reasons why an answer is missing (RES-06).

Pure. A question with one answer is one column, a question with several is one column per option: 1 chosen,
0 not chosen. Free text and notes have no column. Which columns may leave the house is decided by releases.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from panel.instruments.questionnaire import Answers, Item, Kind, Questionnaire, Texts, Value
from panel.instruments.routing import Step, route
from panel.instruments.xpath import ROOT
from panel.missing import Missing

CHOSEN, NOT_CHOSEN = 1, 0
Code = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file; `option` is the code it tells of, for questions with several answers."""

    name: str
    item: Item
    option: str = ""

    def labels(self, q: Questionnaire) -> dict[str, Texts]:
        """What the column's codes mean, per language; the missing ones left out."""
        first: dict[str, Texts] = {}
        for choice in q.options(self.item):
            if not choice.refusal and self.option in ("", choice.code):
                first.setdefault(choice.code, choice.labels)
        return first


def columns(q: Questionnaire) -> tuple[Column, ...]:
    """All columns of a form, in its order."""
    return tuple(column for item in q.items() if item.kind != Kind.TEXT for column in columns_of(q, item))


def columns_of(q: Questionnaire, item: Item) -> Iterator[Column]:
    """What an item's columns are, or would be called: a question is one, or one for each option."""
    if item.kind != Kind.SELECT_MULTIPLE:
        yield Column(item.name, item)
    else:
        for code in q.codes(item):
            yield Column(f"{item.name}_{code}", item, code)


def coded(q: Questionnaire, answers: Answers, *, broke_off: str | None = None) -> dict[str, Code]:
    """One code for each column. `broke_off` is the first page not saved; None if the form was finished."""
    way = route(q, answers)
    unseen = _pages_from(q, broke_off)
    steps = {item.name: step for step in way.steps for item in step.items}
    open_ended = _undecided(q, unseen)
    row: dict[str, Code] = {}
    for column in columns(q):
        name = column.item.name
        if name in open_ended or (name in steps and steps[name].page.name in unseen):
            row[column.name] = Missing.BROKE_OFF.value
        elif name not in steps:
            row[column.name] = Missing.NOT_ASKED.value
        else:
            row[column.name] = _code(steps[name], column, way.answers.get(name))
    return row


def _pages_from(q: Questionnaire, broke_off: str | None) -> frozenset[str]:
    names = [page.name for page in q.pages]
    return frozenset(names[names.index(broke_off) :]) if broke_off is not None else frozenset()


def _undecided(q: Questionnaire, unseen: frozenset[str]) -> set[str]:
    """Items of unseen pages that nobody knows would have been asked: that hangs on pages not seen either."""
    return {
        item.name
        for page in q.pages
        if page.name in unseen
        for item in page.items
        if unseen & set(re.findall(rf"/{ROOT}/(\w+)/", f"{page.relevant} {item.relevant}"))
    }


def _code(step: Step, column: Column, value: Value | None) -> Code:
    offered = step.offered.get(column.item.name, ())
    if column.option and column.option not in {choice.code for choice in offered}:
        return Missing.NOT_OFFERED.value
    if value is None:
        return Missing.SKIPPED.value
    given = value if isinstance(value, list) else [value]
    if any(choice.refusal and choice.code in given for choice in offered):
        return Missing.REFUSED.value
    if column.option:
        return CHOSEN if column.option in given else NOT_CHOSEN
    return value if not isinstance(value, list) else NOT_CHOSEN
