"""Who the simulated respondents are and what each will do in a wave. Invented people; seeded, so each run is the same.

Pure: reads the example's files, decides, returns. Acting it out is life.py's.
"""

import csv
import io
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from panel.vault.rules import tidy_address

DATA = Path(__file__).parent / "data"

#: Who has answered after the invitation and each reminder, and what becomes of those who start
#: (invented, near the figures of the German and Norwegian panels).
ANSWERED_BY = (0.34, 0.50, 0.58)
BREAKS_OFF, COMES_BACK = 0.10, 0.6
_STOPS_SHARE = 0.10
#: What those who want to stop choose, in the order in which they come.
STOPS = ("one_click", "pause", "no_reminders", "no_mail", "leave_keep", "leave_delete") * 2

#: Addresses that stand in no file: who moves to a new one, whose change is stopped, who comes with a second file,
#: and whose change waits in `make run`.
NEW_ADDRESSES = ("nova.lastivka@example.net", "chuzha.skrynka@example.org", "druha.khvylia@example.net",
                 "shche.odna@example.net")  # fmt: skip
MOVED, STOPPED, NEWCOMER, WAITING = NEW_ADDRESSES


@dataclass(frozen=True)
class Person:
    """One invented member, as the recruitment file has them."""

    email: str
    first_name: str
    last_name: str
    phone: str
    arrived: str


@dataclass(frozen=True)
class Leaver:
    """One line of leavers_2023.csv."""

    left_for: str
    arrived: str
    left: str
    region: str
    reasons: tuple[str, ...]
    interview: bool


@dataclass
class Conduct:
    """What a person does in one wave."""

    answers_to: int | None = None  # the letter they answer: 0 the invitation, 1 and 2 the reminders
    breaks_off_after: int | None = None  # pages saved before stopping
    comes_back: bool = False
    stop: str = ""  # a rung of the ladder, or one_click
    profile: dict[str, Any] = field(default_factory=dict)  # item -> what they choose, where it is decided


@dataclass(frozen=True)
class Cast:
    """Who uses which right after the second wave, by address."""

    moves: str  # to a new address
    doubts: str  # stops a change of address that the old address is told of
    copies: str
    corrects: str
    pauses: str
    keeps: str  # leaves, and lets the coded answers stay
    deletes: str
    calls: str  # asks on the phone


def cast(conducts: Mapping[str, Conduct], not_these: Collection[str], rng: random.Random) -> Cast:
    """Different people who finished the last wave; nobody whose leaving Norway is counted."""
    finished = [
        address
        for address, conduct in conducts.items()
        if conduct.answers_to is not None and conduct.breaks_off_after is None and address not in not_these
    ]
    return Cast(*rng.sample(finished, len(fields(Cast))))


def second_file(rows: Iterable[dict[str, str]], *, again: str, beside: str) -> bytes:
    """A recruitment file of two: who asked never to be contacted again, and somebody at an address not yet known."""
    by_address = {tidy_address(row["E-post"]): row for row in rows}
    new = [
        {**by_address[again], "Svar-ID": "20000", "Innsendt": "18.11.2024 10:00"},
        {**by_address[beside], "Svar-ID": "20001", "Innsendt": "18.11.2024 10:05", "E-post": NEWCOMER},
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(new[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(new)
    return text.getvalue().encode()


def month(text: str) -> str:
    """ "03.2022", "mars 2022" and "2022-03" -> "2022-03": the three ways the file has."""
    text = text.strip().lower().replace("mars ", "03.")
    number, dot, year = text.partition(".")
    return f"{year}-{number}" if dot else text


def leavers() -> list[Leaver]:
    with (DATA / "leavers_2023.csv").open(encoding="utf-8") as file:
        return [
            Leaver(
                left_for=row["left_for"],
                arrived=row["arrived"],
                left=row["left"],
                region=row["region"],
                reasons=tuple(row["reasons"].split()),
                interview=row["interview_consent"] == "yes",
            )
            for row in csv.DictReader(file)
        ]


def expected_reasons() -> dict[str, int]:
    """Table 1: how many chose each reason."""
    with (DATA / "why_exit_table1.csv").open(encoding="utf-8") as file:
        return {row["code"]: int(row["n"]) for row in csv.DictReader(file)}


def file_rows() -> list[dict[str, str]]:
    with (DATA / "survey_2022.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=";"))


def persons(rows: Iterable[dict[str, str]]) -> list[Person]:
    """Those who agreed and whose address nobody shares; who shares one is written to, but not played."""
    by_address: dict[str, list[Person]] = {}
    agreed = set()
    for row in rows:
        person = Person(
            email=tidy_address(row["E-post"]),
            first_name=row["Fornavn"].strip(),
            last_name=row["Etternavn"].strip(),
            phone=row["Mobil"].strip(),
            arrived=month(row["Ankomst Norge"]),
        )
        by_address.setdefault(person.email, []).append(person)
        if row["Samtykke ny kontakt"].lower() == "ja" and "@" in person.email:
            agreed.add(person.email)
    return [same[0] for email, same in by_address.items() if len(same) == 1 and email in agreed]


def match(people: Sequence[Person], leaving: Sequence[Leaver], rng: random.Random) -> dict[str, Leaver]:
    """Gives each leaver of the list to a member who arrived in that month: address -> leaver."""
    waiting: dict[str, list[Person]] = {}
    for person in rng.sample(people, len(people)):
        waiting.setdefault(person.arrived, []).append(person)
    return {waiting[leaver.arrived].pop().email: leaver for leaver in leaving}


def plan_wave(
    people: Sequence[Person],
    left: Mapping[str, Leaver],
    rng: random.Random,
    *,
    wants_back: float | None = None,
) -> dict[str, Conduct]:
    """What each will do in one wave: address -> conduct. Leavers answer the invitation, whole.

    `wants_back`: the share of those living in Norway who want to return when the war ends, met to the person.
    """
    conducts: dict[str, Conduct] = {}
    stops = iter(STOPS)
    for person in rng.sample(people, len(people)):
        conduct = Conduct(profile={"where_live": "in_norway"})
        if leaver := left.get(person.email):
            conduct = Conduct(answers_to=0, profile=_leaver_profile(leaver))
        elif rng.random() < _STOPS_SHARE and (stop := next(stops, "")):
            conduct.stop = stop
        else:
            _answering(conduct, rng)
        conducts[person.email] = conduct
    if wants_back is not None:
        _plans(conducts, rng, wants_back)
    return conducts


def _answering(conduct: Conduct, rng: random.Random) -> None:
    draw = rng.random()
    conduct.answers_to = next((n for n, upto in enumerate(ANSWERED_BY) if draw < upto), None)
    if conduct.answers_to is not None and rng.random() < BREAKS_OFF:
        conduct.breaks_off_after = rng.randint(1, 5)
        conduct.comes_back = rng.random() < COMES_BACK and conduct.answers_to < len(ANSWERED_BY) - 1


def _leaver_profile(leaver: Leaver) -> dict[str, Any]:
    year, month_left = leaver.left.split("-")
    return {
        "where_live": "returned" if leaver.left_for == "ukraine" else "moved_on",
        "left_month-year": year,
        "left_month-month": month_left,
        "region": leaver.region or "not_said",
        "exit_reasons": list(leaver.reasons),
        "interview": "yes" if leaver.interview else "no",
    }


def _plans(conducts: Mapping[str, Conduct], rng: random.Random, wants_back: float) -> None:
    """Deals out return plans so that exactly this share of those who finish says "when the war ends"."""
    finish = [
        c
        for c in conducts.values()
        if c.answers_to is not None
        and (c.breaks_off_after is None or c.comes_back)
        and c.profile["where_live"] != "returned"
    ]
    number = round(wants_back * len(finish))
    for conduct in conducts.values():
        conduct.profile["return_plan"] = rng.choices(("unsure", "stay"), (2, 3))[0]
    for conduct in rng.sample(finish, number):
        conduct.profile["return_plan"] = "war_ends"
