"""Judging a recruitment file row by row, against itself. Pure: no database, no vault, no file.

The checks run in the order of `Outcome`; the first that applies decides. That somebody was erased, is a
member already or may never be contacted again needs what is stored and is settled in matching.py, after them.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext as _

from panel.enrolment.mapping import Item, Recruitment, plain
from panel.errors import BadInput
from panel.vault.rules import is_usable_address, tidy_address

ADULT = 18
NAMED_LINES = 5


class Outcome(StrEnum):
    """What becomes of a row, in the order in which it is asked."""

    UNKNOWN_AGE = "unknown_age"  # year of birth or day of answering unreadable: perhaps a minor
    MINOR = "minor"
    DOUBLE_ENTRY = "double_entry"
    ERASED = "erased"  # this very row was somebody's who had everything deleted
    NO_CONSENT = "no_consent_to_recontact"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    ALREADY_MEMBER = "already_member"
    SUPPRESSED = "suppressed"  # this address asked never to be contacted again
    ENROLLED = "enrolled"


NOT_STORED = frozenset({Outcome.UNKNOWN_AGE, Outcome.MINOR, Outcome.DOUBLE_ENTRY, Outcome.ERASED})
"""Outcomes of which nothing is kept at all."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a card would be for. Its repr tells nothing."""

    email: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    phone: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row: what becomes of it and what would be kept. Only who may be enrolled has a contact."""

    line: int
    outcome: Outcome
    day: date | None = None
    language: str = ""
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)
    mark: str = field(default="", repr=False)
    contact: Contact | None = None
    version: str = ""
    agreed: tuple[str, ...] = ()
    repairable: bool = False

    @property
    def keeps_answers(self) -> bool:
        return self.outcome not in NOT_STORED

    def person(self, birth_item: str) -> tuple[str, str, str]:
        """Who this is within one address: two of a household differ in first name or birth year."""
        contact = self.contact or Contact("", "", "", None)
        return person(contact.email, contact.first_name, self.answers.get(birth_item, ""))


@dataclass(frozen=True)
class Limits:
    """What the study allows."""

    minors: bool = False
    phone: bool = False


def person(email: str, first_name: str, birth_year: str) -> tuple[str, str, str]:
    """The key by which a person is known again."""
    return email, plain(first_name), birth_year


def judge(
    header: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    mapping: Recruitment,
    limits: Limits,
    progress: Callable[[int], None] = lambda line: None,
) -> list[JudgedRow]:
    """All rows, judged; refuses the file if a column is missing or a cell to be coded is unknown."""
    judge_row = _Judge(header, mapping, limits)
    judged = []
    for line, cells in rows:
        judged.append(judge_row(line, cells))
        progress(line)
    judge_row.refuse_unknown()
    return judged


class _Judge:
    """Judges one row after the other and remembers the persons and the unknown cells met so far."""

    def __init__(self, header: Sequence[str], mapping: Recruitment, limits: Limits) -> None:
        place = {name: index for index, name in enumerate(header)}
        missing = [name for name in mapping.columns() if name not in place]
        if missing:
            raise BadInput(
                _("The file lacks the column(s) %(names)s. Nothing was taken in.")
                % {"names": ", ".join(f"“{name}”" for name in missing)}
            )
        self.place, self.mapping, self.limits = place, mapping, limits
        self.birth: Item = next(item for item in mapping.items if item.name == mapping.birth_item)
        self.met: set[tuple[str, str, str]] = set()
        self.marks: Counter[str] = Counter()
        self.unknown: dict[str, list[int]] = defaultdict(list)

    def __call__(self, line: int, cells: Sequence[str]) -> JudgedRow:
        def cell(column: str) -> str:
            return cells[self.place[column]].strip() if column else ""

        day, year = self.mapping.day(cell(self.mapping.submitted)), self.birth.code(cell(self.birth.column))
        email, first_name = (
            tidy_address(cell(self.mapping.contact["email"])),
            cell(self.mapping.contact["first_name"]),
        )
        agrees = self._agrees(cell, self.mapping.recontact)
        outcome, met = self._age(day, year), False
        if outcome is None and email:
            key = person(email, first_name, year or "")
            met = key in self.met
            self.met.add(key)
        if outcome is None and agrees and met:
            outcome = Outcome.DOUBLE_ENTRY
        if outcome is not None or day is None:
            return JudgedRow(line, outcome or Outcome.UNKNOWN_AGE)
        row = self._kept(line, day, cell, _reachable(agrees, email))
        if row.outcome != Outcome.ENROLLED:
            repairable = row.outcome == Outcome.INVALID_ADDRESS and is_repairable(email)
            return replace(row, repairable=repairable)
        contact = Contact(
            email,
            first_name,
            cell(self.mapping.contact["last_name"]),
            (cell(self.mapping.contact["phone"]) or None) if self.limits.phone else None,
        )
        agreed = tuple(q for q in self.mapping.questions if self._agrees(cell, q))
        return replace(row, contact=contact, version=cell(self.mapping.version), agreed=agreed)

    def _age(self, day: date | None, year: str | None) -> Outcome | None:
        if day is None or year is None or not year.isdecimal() or int(year) > day.year:
            return Outcome.UNKNOWN_AGE
        return Outcome.MINOR if day.year - int(year) < ADULT and not self.limits.minors else None

    def _agrees(self, cell: Callable[[str], str], question: str) -> bool:
        return cell(self.mapping.questions[question]).casefold() in self.mapping.yes

    def _kept(self, line: int, day: date, cell: Callable[[str], str], outcome: Outcome) -> JudgedRow:
        """The coded answers of an adult, with the mark by which the same row is known again."""
        language = self.mapping.languages.get(plain(cell(self.mapping.language)))
        if language is None:
            self.unknown[self.mapping.language].append(line)
        answers = {}
        for item in self.mapping.items:
            code = item.code(cell(item.column))
            if code is None:
                self.unknown[item.column].append(line)
            answers[item.name] = code or ""
        mark = json.dumps([cell(self.mapping.row_id), day.isoformat(), language, answers], sort_keys=True)
        self.marks[mark] += 1
        return JudgedRow(line, outcome, day, language or "", answers, f"{mark}#{self.marks[mark]}")

    def refuse_unknown(self) -> None:
        """A cell nobody foresaw would be lost in silence, so the file waits for the mapping."""
        if self.unknown:
            places = "; ".join(
                f"“{column}”: {', '.join(map(str, lines[:NAMED_LINES]))}" + " …" * (len(lines) > NAMED_LINES)
                for column, lines in self.unknown.items()
            )
            raise BadInput(
                _(
                    "The study's mapping doesn't know what stands in these columns and lines: %(places)s. "
                    "Correct the file or add the value to the mapping. Nothing was taken in."
                )
                % {"places": places}
            )


def _reachable(agrees: bool, email: str) -> Outcome:
    if not agrees:
        return Outcome.NO_CONSENT
    if not email:
        return Outcome.NO_ADDRESS
    return Outcome.ENROLLED if is_usable_address(email) else Outcome.INVALID_ADDRESS


def is_repairable(address: str) -> bool:
    """Whether an unusable address becomes usable with "at" and "dot" as signs. Never done silently."""
    words = address.replace("(at)", "@").replace("[at]", "@").replace(" at ", "@").replace(" dot ", ".")
    return words != address and is_usable_address(tidy_address("".join(words.split())))
