"""People whose every word is a canary, and where an installation keeps things: for the journeys that then search it.

The needles stand here once (`WORDS`), with the fixtures of a town whose letters a judging mail server takes. The
flows are the tests'.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.demo import canary, haystack
from panel.demo.mailbox import Mail, read
from tests.factories import recruits
from tests.invitations.servers import Server, mail_server
from tests.journeys import town as t
from tests.portal.html import LANGUAGES
from tests.settings import RUN_DIR

MEMBERS, UPLOADED = 20, 6
PHONES = (
    "+47 904 02 {:03}",
    "004790402{:03}",
    "904 02 {:03}",
    "90402{:03}",
    "+380 67 902 4{:03}",
    "+4790402{:03}",
)
NAMES = ("Звірканка", "Kanarigul", "Їжачканар", "Kanarjåfugl")
#: What a respondent writes of their own accord: kept with the answers, and there alone.
OWN_WORDS = "Fritekstkanari"
REFUSED = {"E_post": "kanari.ugyldig at example.net"}, {"Fødselsår": "2015"}, {"Samtykke_ny_kontakt": "Nei"}


def letters(number: int) -> str:
    """A number as letters, so that each name is a word of its own."""
    return "abcdefghij"[number // 10 % 10] + "abcdefghij"[number % 10]


def person(number: int, **changes: str) -> recruits.Row:
    """Nobody shares a word with anybody."""
    own = {
        "E_post": f"Zvirka.{letters(number)}@Kanari.example.net",
        "Fornavn": NAMES[number % 4] + letters(number),
        "Etternavn": f"Kanarisen{letters(number)}",
        "Mobil": PHONES[number % len(PHONES)].format(number),
        "Språk": LANGUAGES[number % 4],
    }
    return recruits.row(number + 1000, **{**own, **changes})


BOUNCES = person(5)["E-post"].lower()
BY_COMMAND = [person(n) for n in range(1, MEMBERS + 1)] + [
    person(MEMBERS + n, **change) for n, change in enumerate(REFUSED, start=1)
]
BY_UPLOAD = [person(n) for n in range(80, 80 + UPLOADED)]
WORDS = canary.needles(
    word
    for row in BY_COMMAND + BY_UPLOAD
    for word in (
        row["E-post"], row["E-post"].lower(), row["Fornavn"], row["Etternavn"], *canary.digits(row["Mobil"])
    )
)  # fmt: skip


class Inbox:
    """What a mail server took, read as respondents do."""

    def __init__(self, server: Server) -> None:
        self.server, self.seen = server, 0

    def new(self) -> Iterator[Mail]:
        came, self.seen = self.server.arrived[self.seen :], len(self.server.arrived)
        yield from (read(letter.as_bytes()) for letter in came)


@pytest.fixture
def smtp(settings):
    """Before `service_env`. It refuses one address, and says it in its answer, as servers do."""

    def judge(recipient: str) -> str:
        return f"550 5.1.1 <{recipient}> unknown" if recipient.lower() == BOUNCES else "250 OK"

    with mail_server(on_rcpt=judge) as server:
        settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
        yield server


@pytest.fixture
def log(tmp_path):
    """The product's own log handler writes to a file."""
    ours = [handler for handler in logging.getLogger("django.request").handlers if handler.name == "console"]
    console: Any = ours[0]
    with (tmp_path / "product.log").open("w", encoding="utf-8") as file:
        before = console.setStream(file)
        yield file
        console.setStream(before)


@pytest.fixture
def kept(tmp_path, monkeypatch, settings, redis_url, log):
    """Where the installation keeps things: its folder, its temporary folder, its cache in the real Redis."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
    }
    return tmp_path


@pytest.fixture
def aviary(smtp, kept, service_env, clock, settings):
    """The town, with telephones: a study may keep them."""
    return t.settle(clock, Inbox(smtp), phone_channel=True)


# --- looking


def leaks(hay: Iterable[tuple[str, bytes]], words: set[str] = WORDS) -> dict[str, set[str]]:
    return {place: found for place, data in hay if (found := canary.found(data, words))}


def all_kept(folder: Path, redis_url: str) -> haystack.Hay:
    """Tables, sessions, broker, cache, logs, temporary and released files."""
    yield from haystack.tables()
    yield from haystack.broker(redis_url)
    yield from haystack.files(folder, leave_out=("outside",))
    yield from ((str(path), path.read_bytes()) for path in sorted(RUN_DIR.glob("*.log")))


def in_database_files(words: set[str] = WORDS) -> dict[str, set[str]]:
    """SQLite's files as they lie on the disk, with what was deleted: plain words only, for they are large."""
    found = {}
    for path in sorted(RUN_DIR.glob("*.sqlite3*")):
        data = haystack.content(path).lower()
        found[path.name] = {word for word in words if len(word) > 8 and word.lower().encode() in data}
    return {name: hits for name, hits in found.items() if hits}
