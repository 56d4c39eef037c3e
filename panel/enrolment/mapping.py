"""How a study's recruitment files are read, as `Study.recruitment` tells it. Pure; knows no file and no row.

The mapping names columns, the codes of each item, tidy rules for languages and months, and which column
answers which question of the consent form. A mapping with a part missing is refused before any file is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from panel.errors import BadInput
from panel.missing import Missing

MISSING = str(Missing.SKIPPED.value)
"""A blank cell: asked, and no answer given (RES-06)."""


def plain(text: str) -> str:
    """A cell as it is compared: without surrounding blanks, case or doubled blanks."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True)
class Item:
    """One wave-0 item: its column and how a cell becomes a code. Either listed codes, a year or a month."""

    name: str
    column: str
    codes: Mapping[str, str]
    kind: str = "code"
    patterns: tuple[re.Pattern[str], ...] = ()
    months: Mapping[str, int] | None = None
    between: tuple[str, str] = ("", "")

    def code(self, cell: str) -> str | None:
        """The code of a cell, the missing code of a blank one, None where the mapping doesn't know it."""
        text = plain(cell)
        if not text:
            return MISSING
        found = self.codes.get(text)
        if found is None and self.kind != "code":
            found = self._year(text) if self.kind == "year" else self._month(text)
        return found

    def _year(self, text: str) -> str | None:
        return self._within(text) if re.fullmatch(r"\d{4}", text, re.ASCII) else None

    def _month(self, text: str) -> str | None:
        for pattern in self.patterns:
            if match := pattern.fullmatch(text):
                word = match["month"]
                number = int(word) if word.isdecimal() else (self.months or {}).get(word, 0)
                return self._within(f"{match['year']}-{number:02}") if 1 <= number <= 12 else None
        return None

    def _within(self, value: str) -> str | None:
        first, last = self.between
        return value if first <= value and (not last or value <= last) else None


@dataclass(frozen=True)
class Recruitment:
    """One study's mapping, read and checked."""

    cohort: str
    row_id: str
    submitted: str
    formats: tuple[str, ...]
    language: str
    languages: Mapping[str, str]
    contact: Mapping[str, str]
    version: str
    questions: Mapping[str, str]
    recontact: str
    yes: frozenset[str]
    birth_item: str
    items: tuple[Item, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any], default_language: str) -> "Recruitment":
        """From `Study.recruitment`; refuses a mapping with a part missing or of the wrong kind."""
        try:
            return cls._read(data, default_language)
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            raise BadInput(
                _("The study's mapping of recruitment files is incomplete. Complete it first.")
            ) from error

    @classmethod
    def _read(cls, data: Mapping[str, Any], default_language: str) -> "Recruitment":
        languages = data["language"]["codes"]
        consent = data["consent"]
        mapping = cls(
            cohort=data["cohort"],
            row_id=data.get("row_id", ""),
            submitted=data["submitted"]["column"],
            formats=tuple(data["submitted"]["formats"]),
            language=data["language"]["column"],
            languages={plain(word): code for code, words in languages.items() for word in words}
            | {"": default_language},
            contact={name: data["contact"][name] for name in ("email", "first_name", "last_name")}
            | {"phone": data["contact"].get("phone", "")},
            version=consent["version"],
            questions=dict(consent["questions"]),
            recontact=consent["recontact"],
            yes=frozenset(plain(word) for word in consent["yes"]),
            birth_item=data["birth_item"],
            items=tuple(_item(name, given) for name, given in data["items"].items()),
        )
        if mapping.recontact not in mapping.questions:
            raise KeyError(mapping.recontact)
        if mapping.birth_item not in {item.name for item in mapping.items}:
            raise KeyError(mapping.birth_item)
        return mapping

    def columns(self) -> list[str]:
        """The columns a file must have."""
        named = [self.row_id, self.submitted, self.language, *self.contact.values(), self.version]
        named += [*self.questions.values(), *(item.column for item in self.items)]
        return [name for name in dict.fromkeys(named) if name]

    def day(self, cell: str) -> date | None:
        """The day a row was sent in; its time of day is not kept."""
        for form in self.formats:
            try:
                return datetime.strptime(cell.strip(), form).date()  # noqa: DTZ007  a day, not a moment
            except ValueError:
                continue
        return None


def _item(name: str, given: Mapping[str, Any]) -> Item:
    between = given.get("between", ("", ""))
    return Item(
        name=name,
        column=given["column"],
        kind=given.get("kind", "code"),
        codes={plain(word): code for code, value in given.get("codes", {}).items() for word in value["from"]},
        patterns=tuple(re.compile(pattern) for pattern in given.get("patterns", ())),
        months={plain(word): int(number) for word, number in given.get("months", {}).items()},
        between=(str(between[0]), str(between[1])),
    )
