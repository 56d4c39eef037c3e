"""What was sent for one page -> answers to keep, and a sentence for each question that needs another look.

Pure. Takes what a browser sends: {field: [values]}; a month comes as NAME-year and NAME-month. Fields that
the page doesn't ask are ignored. Knows nothing of who answers, and keeps nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils import translation
from django.utils.translation import gettext as _

from panel.instruments.questionnaire import Answers, Item, Kind, Questionnaire, Value
from panel.instruments.routing import Route, Step, add_page, route
from panel.instruments.rules import mask_numbers
from panel.instruments.xpath import Instance

TEXT_LIMIT = 4000
#: PostgreSQL takes no NUL, and says so with the answers in its error; nobody writes the others on purpose.
_UNSTORABLE = dict.fromkeys(sign for sign in range(32) if chr(sign) not in "\t\n")
RawForm = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A page's outcome. With errors nothing is to be saved; `notices` are words to the writer (NEV-04)."""

    answers: dict[str, Value]
    errors: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)


class _Unfit(Exception):
    """An answer that can't be kept; the text is for the respondent."""


def check(q: Questionnaire, page: str, answers: Answers, raw: RawForm, *, lang: str, today: date) -> Checked:
    """Judge what was sent for a page; `answers` are those of the earlier pages."""
    way = route(q, answers)
    step = way.step(page)
    if step is None:
        return Checked({})
    with translation.override(lang):
        checked = _read(step, raw)
        _judge(q, way, step, checked, lang, today)
    return checked


def _read(step: Step, raw: RawForm) -> Checked:
    checked = Checked({})
    for item in step.items:
        try:
            value = _READERS[item.kind](step, item, raw)
        except _Unfit as unfit:
            checked.errors[item.name] = str(unfit)
            continue
        if item.kind == Kind.TEXT and isinstance(value, str):
            value, found = mask_numbers(value)
            if found:
                checked.notices[item.name] = _(
                    "We removed what looked like an identity number. Please don’t write such numbers here."
                )
        if value is not None:
            checked.answers[item.name] = value
    return checked


def _judge(q: Questionnaire, way: Route, step: Step, checked: Checked, lang: str, today: date) -> None:
    """Add the errors of required and constraint, which may look at the earlier pages and at this one."""
    instance = Instance(today)
    for page in q.pages[: q.pages.index(step.page)]:
        add_page(instance, page, way.answers)
    add_page(instance, step.page, checked.answers)
    for item in step.items:
        if item.name in checked.errors:
            continue
        if item.name not in checked.answers:
            if item.required and item.kind != Kind.NOTE and instance.holds(item.required, item.name):
                checked.errors[item.name] = _("Please answer this question.")
        elif item.constraint and not instance.holds(item.constraint, item.name):
            told = (item.constraint_messages or {}).get(lang)
            checked.errors[item.name] = told or _("Please check this answer.")
    for name in checked.errors:
        checked.answers.pop(name, None)


# --- one reader per kind


def _sent(raw: RawForm, name: str) -> list[str]:
    return [value.strip() for value in raw.get(name, ()) if value.strip()]


def _one(step: Step, item: Item, raw: RawForm) -> Value | None:
    sent = _sent(raw, item.name)
    if len(sent) > 1 or not set(sent) <= {choice.code for choice in step.offered[item.name]}:
        raise _Unfit(_("Please choose one of the answers."))
    return sent[0] if sent else None


def _several(step: Step, item: Item, raw: RawForm) -> Value | None:
    sent = _sent(raw, item.name)
    offered = step.offered[item.name]
    if not set(sent) <= {choice.code for choice in offered}:
        raise _Unfit(_("Please choose among the answers."))
    if len(set(sent)) > 1 and any(choice.refusal and choice.code in sent for choice in offered):
        raise _Unfit(_("Please choose either “prefer not to say” or other answers, not both."))
    return [choice.code for choice in offered if choice.code in sent] or None


def _integer(step: Step, item: Item, raw: RawForm) -> Value | None:
    sent = "".join(_sent(raw, item.name))
    if not sent:
        return None
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 9):
        raise _Unfit(_("Please write a whole number with digits."))
    return int(sent)


def _month(step: Step, item: Item, raw: RawForm) -> Value | None:
    year, month = "".join(_sent(raw, f"{item.name}-year")), "".join(_sent(raw, f"{item.name}-month"))
    if not year and not month:
        return None
    if not (year and month):
        raise _Unfit(_("Please choose both a month and a year, or leave both empty."))
    known = {f"{number:02}" for number in range(1, 13)}
    if not (year.isascii() and year.isdigit() and len(year) == 4 and month.zfill(2) in known):
        raise _Unfit(_("Please choose a month and a year."))
    return f"{year}-{month.zfill(2)}"


def _text(step: Step, item: Item, raw: RawForm) -> Value | None:
    text = "\n".join(_sent(raw, item.name)).replace("\r\n", "\n").translate(_UNSTORABLE).strip()
    if len(text) > TEXT_LIMIT:
        raise _Unfit(_("Please shorten the text to %(limit)s characters.") % {"limit": TEXT_LIMIT})
    return text or None


def _nothing(step: Step, item: Item, raw: RawForm) -> Value | None:
    return None


_READERS = {
    Kind.SELECT_ONE: _one,
    Kind.SELECT_MULTIPLE: _several,
    Kind.INTEGER: _integer,
    Kind.MONTH: _month,
    Kind.TEXT: _text,
    Kind.NOTE: _nothing,
}
