"""The portal as a process of its own, as an installation runs it: no KEK, no vault, no keystore (ZON-01).

On PostgreSQL it has the login of `manage.py sql-roles` and nothing else. What needs keys is done here, in the place
of the worker, between its pages.
"""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connections

from config.local import process
from panel.enrolment import intake
from panel.enrolment.models import NewAddress
from panel.invitations import links
from panel.invitations.models import Link, Outgoing
from panel.members import services as members
from panel.members.models import PanelMember
from panel.members.rules import member_code
from panel.responses.models import Response
from panel.rights import addresses, copies, lost, new_address
from panel.rights.address_rules import TIME_TO_STOP
from panel.rights.erasure import erase_due
from panel.rights.models import AddressChange, Stop
from panel.vault import services as vault
from panel.vault import sql_roles
from panel.vault.models import Card, Suppressed
from tests import triggers
from tests.conftest import database_url
from tests.factories import cast, fielding
from tests.factories.fielding import NOON
from tests.portal.html import Seen, walk
from tests.settings import TEST_DB, WORKER

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
#: What leads to keys and cards.
FORBIDDEN = re.compile("KEK|VAULT|KEYSTORE|OPENBAO|AWS|JOURNAL_FILE")
PREFIX = f"gjtest_{WORKER}"


@dataclass(frozen=True)
class Answer:
    """One answer, as tests.portal.html reads them."""

    status_code: int
    content: bytes
    location: str = ""


class Phone:
    """A browser without JavaScript or cookies, on a real connection."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, address: str) -> Answer:
        return self._ask("GET", address)

    def post(self, address: str, data: dict[str, Any] | None = None, *, follow: bool = False) -> Answer:
        answer = self._ask("POST", address, urlencode(data or {}, doseq=True))
        return self.get(answer.location) if follow and answer.location else answer

    def _ask(self, method: str, address: str, body: str = "") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        connection.request(method, address, body, headers)
        came = connection.getresponse()
        assert came.getheader("Set-Cookie") is None
        found = Answer(came.status, came.read(), came.getheader("Location") or "")
        connection.close()
        return found


@pytest.fixture
def login() -> Iterator[str]:
    """Where the portal finds `default`: on PostgreSQL by its own login, with the printed grants."""
    url = database_url("default")
    if TEST_DB == "sqlite":
        yield url
        return
    names = [sql_roles.role(PREFIX, "default", one) for one in sql_roles.LOGINS["default"]]
    connection = connections["default"]
    triggers.run(connection, [f"CREATE ROLE {name} LOGIN" for name in names])
    triggers.run(connection, sql_roles.grants_sql(PREFIX, "default"))
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{sql_roles.role(PREFIX, 'default', 'portal')}@{host}").geturl()
    for name in names:
        triggers.run(connection, [f"DROP OWNED BY {name}", f"DROP ROLE {name}"])


@pytest.fixture
def portal(service_env, login, tmp_path) -> Iterator[Phone]:
    """gunicorn with the settings of an installation's portal; all it logs must be free of errors."""
    clock = tmp_path / "clock"
    clock.write_text(NOON.isoformat())
    environ = {name: value for name, value in service_env.items() if not FORBIDDEN.search(name)}
    environ |= {"PROCESS": "portal", "DATABASE_URL": login, "CLOCK_FILE": str(clock)}
    port, log = process.free_port(), tmp_path / "portal.log"
    words = f"-m gunicorn config.wsgi --bind 127.0.0.1:{port} --threads 2 --no-control-socket"
    with log.open("wb") as out:
        child = process.spawn([sys.executable, *words.split()], env=environ, cwd=ROOT, log=out)
    try:
        ready = process.wait_until(lambda: b"Listening at" in log.read_bytes(), seconds=40, child=child)
        assert ready, log.read_text()
        yield Phone(port)
    finally:
        process.stop(child)
    assert "Traceback" not in log.read_text(), log.read_text()
    assert "ERROR" not in log.read_text(), log.read_text()


@pytest.fixture
def amal(mail_catcher, transactional_db) -> PanelMember:
    """In a wave that is open, with letters and a card."""
    study = fielding.with_letters(fielding.study())
    fielding.people(study, 2)
    fielding.opened(study)
    intake.ensure(today=NOON.date())
    member = study.members.order_by("language").first()
    assert member is not None
    return PanelMember.objects.select_related("study").get(pk=member.pk)


def link(member: PanelMember, use: Link.Use) -> str:
    case = member.cases.first() if use in {Link.Use.ANSWER, Link.Use.ONE_CLICK} else None
    (token,) = links.mint_many([links.NewLink(use, member, case)], today=NOON.date())
    return f"/{links.PATHS[use]}/{token}"


def address_of(member: PanelMember) -> str:
    found = vault.open_cards([member.code], by=cast.SYSTEM, reason="test", now=NOON, study="livet")
    return found[member.code].email


def letter_link(mail_catcher, use: str) -> str:
    """From the last letter that has one."""
    for letter in reversed(mail_catcher.letters()):
        if found := re.search(rf"http://testserver(/{use}/\S+)", letter.get_body(("plain",)).get_content()):
            return found[1]
    raise AssertionError(f"no letter has a link /{use}/")


def test_law_09_zon_01_a_new_address_from_the_page_to_the_card(portal, amal, mail_catcher):
    own = link(amal, Link.Use.OWN)
    assert portal.get(own).status_code == 200
    before = address_of(amal)
    assert portal.post(f"{own}/address", {"address": "Amal.New@example.net"}).status_code == 303
    assert b"amal.new" not in bytes(NewAddress.objects.get().sealed).lower()
    assert portal.post(f"{own}/address", {"address": "nonsense"}).status_code == 422
    fielding.send_all(NOON)
    confirm = letter_link(mail_catcher, "c")
    assert portal.get(confirm).status_code == 200
    assert address_of(amal) == before
    assert portal.post(confirm).status_code == 303
    addresses.turn(now=NOON)
    assert address_of(amal) == before
    addresses.turn(now=NOON + TIME_TO_STOP)
    assert address_of(amal) == "amal.new@example.net"
    assert portal.post(letter_link(mail_catcher, "x")).status_code == 409  # too late


def test_law_09_the_letter_to_the_old_address_stops_it(portal, amal, mail_catcher):
    portal.post(f"{link(amal, Link.Use.OWN)}/address", {"address": "stranger@example.net"})
    fielding.send_all(NOON)
    assert portal.post(letter_link(mail_catcher, "x")).status_code == 303
    assert not NewAddress.objects.exists()
    assert portal.post(letter_link(mail_catcher, "c")).status_code == 409


def test_law_06_law_13_the_ladder_to_its_end(portal, amal):
    stop = link(amal, Link.Use.STOP)
    assert portal.get(stop).status_code == 200
    assert portal.post(link(amal, Link.Use.ONE_CLICK)).status_code in {200, 303}
    for rung in ("no_mail", "leave_keep"):
        assert portal.post(stop, {"rung": rung}).status_code == 303
    last = {
        "rung": "leave_delete",
        "word": "DELETE",
        "typed_word": "DELETE",
        "waive": "yes",
        "never_again": "yes",
    }
    assert portal.post(stop, last).status_code == 303
    assert Stop.objects.get(rung="leave_delete").never_again
    assert Card.objects.count() == 2  # nothing of this is the portal's to do
    assert erase_due(now=NOON) == 1
    assert (Card.objects.count(), Suppressed.objects.count()) == (1, 1)
    assert portal.get(stop).status_code == 404


def test_law_08_a_copy_of_everything_is_made_by_a_worker_and_opened_by_its_link(portal, amal, mail_catcher):
    own = link(amal, Link.Use.OWN)
    assert portal.post(f"{own}/copy").status_code == 303
    copies.make_copies(now=NOON)
    fielding.send_all(NOON)
    copies.make_copies(now=NOON)
    fetch = letter_link(mail_catcher, "d")
    assert portal.get(fetch).status_code == 200
    got = portal.post(fetch, {"as": "json"})
    assert got.status_code == 200
    assert address_of(amal).encode() in got.content


def test_tok_01_a_lost_link_comes_by_mail_and_the_page_says_the_same_to_everybody(portal, amal, mail_catcher):
    said = [
        portal.post("/again", {"address": address}) for address in (address_of(amal), "nobody@example.net")
    ]
    assert [(one.status_code, one.location) for one in said] == [(303, said[0].location)] * 2
    lost.mail_links(now=NOON)
    fielding.send_all(NOON)
    assert portal.get(letter_link(mail_catcher, "p")).status_code == 200
    assert {letter["To"] for letter in mail_catcher.letters() if "/p/" in letter.as_string()} <= {
        address_of(amal), "m1@example.org"
    }  # fmt: skip


def test_law_09_a_new_address_is_given_by_code_and_asked_by_a_worker(portal, amal, mail_catcher):
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOON)
    given = {"code": amal.code, "name": "Etternavn1 Navn1", "address": "new@example.net"}
    said = [portal.post("/new-address", {**given, "code": code}) for code in (amal.code, member_code())]
    assert [(one.status_code, one.location) for one in said] == [(303, said[0].location)] * 2
    new_address.look(now=NOON)
    fielding.send_all(NOON)
    (letter,) = [one for one in mail_catcher.letters() if one["To"] == "new@example.net"]
    assert letter
    assert portal.post(letter_link(mail_catcher, "c")).status_code == 303
    assert AddressChange.objects.get(member=amal).state == "confirmed"
    addresses.turn(now=NOON + 2 * TIME_TO_STOP)
    assert address_of(amal) != "new@example.net", "a contact keeper has to accept it"


def test_the_link_to_the_own_page_is_asked_for_there_and_sent_by_a_worker(portal, amal):
    assert portal.post(f"{link(amal, Link.Use.STOP)}/own").status_code == 303
    assert Outgoing.objects.filter(member=amal, state="queued", case=None).count() == 1


def test_the_other_pages_of_a_member_work_there_too(portal, amal):
    own = link(amal, Link.Use.OWN)
    for path in ("", "/residence", "/hours", "/address", "/copy", "/consents", "/stop"):
        assert portal.get(f"{own}{path}").status_code in {200, 303}, path
    assert portal.post(own, {"language": "uk"}).status_code == 303
    moved = {"place": "moved_on", "month": "05", "year": "2023"}
    assert portal.post(f"{own}/residence", moved).status_code == 303
    assert portal.post(f"{own}/consents", {"withdraw": "waves"}).status_code == 303
    for path in ("/", "/robots.txt", "/new-address"):
        assert portal.get(path).status_code == 200


def test_answers_are_taken_from_the_first_page_to_the_last(portal, amal):
    thanks = walk(portal, link(amal, Link.Use.ANSWER))
    assert thanks.status == 200
    assert Response.objects.get().completed_at == NOON
    assert isinstance(thanks, Seen)


def test_the_api_answers_who_has_a_token_and_nobody_else(portal, amal):
    assert portal.get("/api/v1/").status_code in {401, 403, 404}
    assert portal.get("/desk/").status_code == 404


def test_zon_01_its_settings_know_no_other_database_and_no_key(service_env):
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from django.db import connections\n"
        "import config.urls\n"
        "from panel.errors import Unreachable\n"
        "from panel.keys.providers import provider\n"
        "print(sorted(settings.DATABASES), list(connections))\n"
        "try:\n    provider()\nexcept Unreachable as refusal:\n    print(refusal)\n"
    )
    environ = {
        **service_env,
        "PROCESS": "portal",
        "KEK_FILE": "",
    }  # addresses of the others are there: unread
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    databases, refused = done.stdout.splitlines()
    assert databases == "['default'] ['default']"
    assert "no KEK" in refused
