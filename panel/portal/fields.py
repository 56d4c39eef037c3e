"""A questionnaire page as a template shows it: fields with texts, options, what was given, what is amiss.

No database and no request; words of the form come in the reader's language, else in the form's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import translation
from django.utils.dates import MONTHS

from panel.instruments.questionnaire import Answers, Item, Kind, Questionnaire, Texts, Value
from panel.instruments.routing import Step

#: How many years back a month can be chosen; an earlier one that was given is shown too.
YEARS = 15


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose."""

    code: str
    label: str
    given: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One question or note on a page. `text` is what a written answer holds so far."""

    name: str
    kind: str
    label: str
    hint: str = ""
    error: str = ""
    required: bool = False
    text: str = ""
    options: tuple[Option, ...] = ()
    years: tuple[Option, ...] = ()

    @property
    def anchor(self) -> str:
        """The id of the control that a link to this field should reach."""
        parts = {"select_one": "-0", "select_multiple": "-0", "month": "-month"}
        return f"f-{self.name}" + parts.get(self.kind, "")

    @property
    def described(self) -> str:
        """What belongs to the field's name for who listens: ids of hint and error."""
        return " ".join(f"{part}-{self.name}" for part in ("hint", "error") if getattr(self, part))


def words(texts: Texts | None, q: Questionnaire, lang: str) -> str:
    """A text of the form in this language."""
    return (texts or {}).get(lang) or (texts or {}).get(q.default_language, "")


def as_sent(step: Step, answers: Answers) -> dict[str, list[str]]:
    """Stored answers as a browser would send them."""
    sent: dict[str, list[str]] = {}
    for item in step.items:
        value = answers.get(item.name)
        if item.kind == Kind.MONTH:
            year, _dash, month = str(value or "").partition("-")
            sent |= {f"{item.name}-year": [year], f"{item.name}-month": [month]}
        else:
            sent[item.name] = _listed(value)
    return sent


def _listed(value: Value | None) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [str(value)]


def fields(
    q: Questionnaire,
    step: Step,
    sent: Mapping[str, Sequence[str]],
    errors: Mapping[str, str],
    *,
    lang: str,
    today: date,
) -> list[Field]:
    """The page's fields, holding what was sent for them or stored."""
    return [_field(q, step, item, sent, errors, lang, today) for item in step.items]


def _field(
    q: Questionnaire,
    step: Step,
    item: Item,
    sent: Mapping[str, Sequence[str]],
    errors: Mapping[str, str],
    lang: str,
    today: date,
) -> Field:
    given = sent.get(item.name, ())
    options = tuple(
        Option(choice.code, words(choice.labels, q, lang), choice.code in given)
        for choice in step.offered.get(item.name, ())
    )
    of_years: tuple[Option, ...] = ()
    if item.kind == Kind.MONTH:
        options, of_years = (
            months(sent.get(f"{item.name}-month", ()), lang),
            years(sent.get(f"{item.name}-year", ()), today),
        )
    return Field(
        name=item.name,
        kind=item.kind.value,
        label=words(item.labels, q, lang),
        hint=words(item.hints, q, lang),
        error=errors.get(item.name, ""),
        text="\n".join(given),
        options=options,
        years=of_years,
    )


def months(given: Sequence[str], lang: str) -> tuple[Option, ...]:
    """The months of a year to choose from."""
    with translation.override(lang):
        return tuple(
            Option(f"{number:02}", str(name).capitalize(), f"{number:02}" in given)
            for number, name in MONTHS.items()
        )


def years(given: Sequence[str], today: date) -> tuple[Option, ...]:
    """The years to choose from, the newest first; an earlier one that was given stays."""
    known = [str(year) for year in range(today.year, today.year - YEARS, -1)]
    earlier = [year for year in given if year.isdigit() and len(year) == 4 and year not in known]
    return tuple(Option(year, year, year in given) for year in known + earlier)
