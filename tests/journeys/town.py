"""Where the journeys play: staff at the desk, respondents with their letters, beat's ticks, a clock of its own.

Everybody acts as in real life: the command, the desk's pages, the links of delivered letters. Only the many who
fill up a file answer through services.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from config import schedule
from config.celery import app
from panel.audit.rules import Actor
from panel.demo.mailbox import Mail
from panel.members.models import Study
from panel.waves.models import Wave
from tests.factories import cast, fielding, recruits, scene
from tests.instruments.forms import EXITNORWAY
from tests.portal.html import LANGUAGES, Seen, see, send

OSLO = ZoneInfo("Europe/Oslo")
ENROLMENT = datetime(2023, 9, 18, 12, tzinfo=OSLO)
OPENS = datetime(2023, 10, 2, 10, tzinfo=OSLO)
CLOSES = datetime(2023, 11, 1, 10, tzinfo=OSLO)
DAY = timedelta(days=1)
PATIENCE = 40
#: How an invitation begins, by language.
GREETINGS = {
    language: json.loads((fielding.DEMO / "letters" / f"{language}.json").read_text(encoding="utf-8"))[
        "letters"
    ]["invitation"]["body"][0]
    for language in LANGUAGES
}


class Box(Protocol):
    """Where delivered letters lie: a Maildir, a server's memory."""

    def new(self) -> Iterable[Mail]: ...


@dataclass
class Clock:
    """What time it is here and, by the file, in a worker."""

    file: Path
    moment: datetime = ENROLMENT

    def set(self, moment: datetime) -> None:
        """Whole or not at all: a worker that reads an empty file takes today's date, and closes the wave."""
        self.moment = moment
        new = self.file.with_suffix(".new")
        new.write_text(moment.isoformat())
        new.replace(self.file)


@dataclass
class Town:
    """One study and the people around it."""

    study: Study
    clock: Clock
    box: Box
    letters: list[Mail] = field(default_factory=list)

    # --- staff

    def at_desk(self, who: Actor) -> Client:
        client = Client()
        client.force_login(cast.user(who))
        return client

    def does(self, who: Actor, route: str, *args: Any, **given: Any) -> None:
        """Somebody fills in a form of the desk, and it is done."""
        answer = self.at_desk(who).post(reverse(f"desk:{route}", args=args), given)
        assert answer.status_code == 302, answer.text

    def command(self, *words: Any) -> Any:
        """What a command prints with --json."""
        printed = StringIO()
        call_command(*map(str, words), "--json", stdout=printed)
        return json.loads(printed.getvalue())

    def enrol(self, file: Path, *rows: recruits.Row) -> Any:
        """An operator enrols a file."""
        file.write_bytes(recruits.csv_of(*rows))
        return self.command("enrol", file, "--study", self.study.slug)

    def wave(self, **changes: str) -> Wave:
        """The coordinator plans it, the leader approves it; it opens by the clock."""
        self.command("import_form", EXITNORWAY, "--study", self.study.slug, "--slug", "main", "--approve")
        version = self.study.instruments.get().versions.get()
        plan = {
            "study": self.study.pk, "name": "2023", "number": 1, "instrument": version.pk,
            "opens_at": f"{OPENS:%Y-%m-%dT%H:%M}", "closes_at": f"{CLOSES:%Y-%m-%dT%H:%M}",
            "reminder_days": "7, 14", **changes,
        }  # fmt: skip
        self.does(cast.SIGNE, "waves_wave_plan", **plan)
        wave = self.study.waves.get(name=plan["name"])
        self.does(cast.LIV, "waves_wave_step", wave.pk, "approve")
        wave.refresh_from_db()
        return wave

    # --- time

    def tick(self, moment: datetime) -> dict[str, Mail]:
        """Beat's whole table at this moment, twice, for one task leads to another; returns who got which letter."""
        self.beat(moment)
        return self.post()

    def beat(self, moment: datetime) -> None:
        """The same, without looking into the mailbox."""
        self.clock.set(moment)
        for entry in 2 * list(schedule.beat(timedelta(seconds=1)).values()):
            app.tasks[entry["task"]]()

    def post(self) -> dict[str, Mail]:
        """What was delivered since it was last asked, by address; nobody gets two letters at once."""
        new = list(self.box.new())
        self.letters += new
        by_address = {letter.to: letter for letter in new}
        assert len(by_address) == len(new)
        return by_address

    def got(self, address: str) -> list[Mail]:
        return [letter for letter in self.letters if letter.to == address]


# --- respondents


def path(link: str) -> str:
    return urlsplit(link).path


def pages(client: Any, link: str) -> Seen:
    """From the welcome page to the page to go on with."""
    return see(client, see(client, path(link)).link("start"))


def filled(page: Seen, decided: dict[str, Any]) -> dict[str, Any]:
    """An answer to each question on the page: what was decided, else the first that is offered."""
    given: dict[str, Any] = {}
    for control in page.find("//form//input[@type!='hidden'] | //form//select | //form//textarea"):
        name, value = control.get("name"), control.get("value", "")
        if name in decided:
            given[name] = decided[name]
        elif control.get("type") in ("radio", "checkbox"):
            given.setdefault(name, value)
    return given


def steps(client: Any, link: str, **decided: Any) -> Iterator[Seen]:
    """Page by page through the survey; each answer is posted when the next page is asked for."""
    page = pages(client, link)
    while page.find("//input[@name='revision']"):
        yield page
        page = send(client, page, **filled(page, decided))
        assert page.status == 200, page.text
    yield page


def answer(client: Any, link: str, **decided: Any) -> Seen:
    """Every page, to the thanks."""
    *_pages, thanks = steps(client, link, **decided)
    assert not thanks.find("//form[.//input[@name='revision']]")
    return thanks


def stop(client: Any, letter: Mail, rung: str, **given: str) -> Seen:
    """A rung of the ladder that the letter leads to."""
    return Seen(client.post(path(letter.stop_link), {"rung": rung, **given}, follow=True))


def one_click(client: Any, letter: Mail) -> int:
    """What a mail program posts."""
    return int(client.post(path(letter.one_click_link), {"List-Unsubscribe": "One-Click"}).status_code)


# --- building


def settle(clock: Clock, box: Box, **changes: Any) -> Town:
    """A study with its staff, consent form and approved letters; nobody is enrolled."""
    study = cast.study(how_to_check=scene.HOW_TO_CHECK, **changes)
    fielding.with_letters(study)
    clock.set(ENROLMENT)
    return Town(study, clock, box)


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """For what a worker does in its own time."""
    end = time.monotonic() + seconds
    while not (done := true()) and time.monotonic() < end:
        time.sleep(0.1)
    return done
