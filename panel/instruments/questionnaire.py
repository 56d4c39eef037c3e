"""What a form is once compiled: pages, items and choices, as plain frozen values that go to JSON and back.

No expression is run here and no spreadsheet read: see routing.py, checking.py, coding.py and xlsform.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

Texts = Mapping[str, str]
Value = str | int | list[str]
Answers = Mapping[str, Value]


class Kind(StrEnum):
    """The kinds of item there are. There is none for a place, a file, a photo or a day (NEV-04, RES-02)."""

    SELECT_ONE = "select_one"
    SELECT_MULTIPLE = "select_multiple"
    INTEGER = "integer"
    MONTH = "month"
    TEXT = "text"
    NOTE = "note"


SELECTS = (Kind.SELECT_ONE, Kind.SELECT_MULTIPLE)

#: What an item is to disclosure control; every item that is asked says its own (column gj_class).
CLASSES = ("quasi", "sensitive", "free_text", "releasable", "internal")
#: The part an item plays for residency (column gj_residency).
RESIDENCY_ROLES = ("status", "region", "left_month", "arrived_month")
#: RES-01 as answers; "unknown" is not one.
RESIDENCY_STATUS = ("in_norway", "returned", "moved_on", "away", "not_said")
FACTORS = ("structural", "individual", "familial", "policy", "other")


@dataclass(frozen=True, slots=True)
class Choice:
    """One row of the choices sheet. Wording variants of an option share its code (RES-06)."""

    code: str
    labels: Texts
    columns: Texts  # what a choice_filter may ask about
    factor: str = ""
    refusal: bool = False  # "prefer not to say"
    row: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One question or note."""

    name: str
    kind: Kind
    labels: Texts
    hints: Texts
    row: int = 0
    klass: str = ""
    relevant: str = ""
    required: str = ""
    constraint: str = ""
    constraint_messages: Texts | None = None
    choice_list: str = ""
    choice_filter: str = ""
    residency: str = ""
    hierarchy: str = ""
    rare: tuple[str, ...] = ()  # codes whose rarity makes them sensitive (SDC-02)
    tables_only: bool = False  # never in microdata, whatever its class
    purpose: str = ""  # the consent purpose a "yes" is about


@dataclass(frozen=True, slots=True)
class Page:
    """A top-level group: what one screen asks."""

    name: str
    labels: Texts
    items: tuple[Item, ...]
    relevant: str = ""
    row: int = 0


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A compiled form."""

    form_id: str
    title: str
    languages: tuple[str, ...]
    default_language: str
    pages: tuple[Page, ...]
    choices: Mapping[str, tuple[Choice, ...]]

    def page(self, name: str) -> Page:
        """The page of that name; KeyError if there is none."""
        for page in self.pages:
            if page.name == name:
                return page
        raise KeyError(name)

    def items(self) -> tuple[Item, ...]:
        """All items that are asked, in the form's order; notes left out."""
        return tuple(item for page in self.pages for item in page.items if item.kind != Kind.NOTE)

    def item(self, name: str) -> Item:
        """The item of that name; KeyError if there is none."""
        for item in self.items():
            if item.name == name:
                return item
        raise KeyError(name)

    def options(self, item: Item) -> tuple[Choice, ...]:
        """Every row of the item's choice list, wording variants included."""
        return self.choices[item.choice_list] if item.kind in SELECTS else ()

    def codes(self, item: Item) -> tuple[str, ...]:
        """The item's codes, each once, "prefer not to say" left out."""
        return tuple(dict.fromkeys(choice.code for choice in self.options(item) if not choice.refusal))

    def reason_items(self) -> tuple[Item, ...]:
        """The items that ask for reasons: those whose options are sorted by factor in the form itself."""
        return tuple(
            item
            for item in self.items()
            if item.kind == Kind.SELECT_MULTIPLE and any(choice.factor for choice in self.options(item))
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Questionnaire":
        """The questionnaire that `to_json` gave."""
        return cls(
            form_id=stored["form_id"],
            title=stored["title"],
            languages=tuple(stored["languages"]),
            default_language=stored["default_language"],
            pages=tuple(_page(page) for page in stored["pages"]),
            choices={name: tuple(Choice(**row) for row in rows) for name, rows in stored["choices"].items()},
        )


def _page(stored: Mapping[str, Any]) -> Page:
    return Page(**{**stored, "items": tuple(_item(item) for item in stored["items"])})


def _item(stored: Mapping[str, Any]) -> Item:
    known = {field.name for field in fields(Item)}
    values = {name: value for name, value in stored.items() if name in known}
    return Item(**{**values, "kind": Kind(stored["kind"]), "rare": tuple(stored["rare"])})
