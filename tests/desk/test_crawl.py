"""ZON-06, NEV-06, NEV-08: every page each role can reach, followed link by link."""

import base64
import re
from collections import Counter
from html import unescape
from urllib.parse import quote, urldefrag, urljoin

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from panel.audit.models import AuditEvent
from panel.enrolment.models import StagedFile
from tests.factories import cast, recruits
from tests.settings import TEST_DB

pytestmark = pytest.mark.django_db

WHO = (cast.LIV, cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.DAG)
#: Of the people the scene enrols: addresses, names, telephone numbers, as they are and as they may be written.
CLEAR = ("amal@example.org", "m2@example.org", "Haddad", "Navn2", "44943831", "@example.org")
CANARIES = {
    form
    for word in CLEAR
    for form in (word, quote(word), base64.b64encode(word.encode()).decode().rstrip("="))
}
#: So many objects of each kind of page are looked at: all on SQLite, for the words are the same on PostgreSQL.
EACH = {"sqlite": 10_000, "postgres": 2}[TEST_DB]
LINK = re.compile(r'(?:href|src|action)="([^"]+)"')


def crawl(client):
    """Address -> page, from the start page on; files are downloaded too. Lists are filtered once, not in all ways."""
    seen, waiting, kinds = {}, [reverse("desk:index")], Counter[str]()
    while waiting:
        address = waiting.pop()
        if address in seen or "/logout/" in address or kinds[kind(address)] >= EACH:
            continue
        kinds[kind(address)] += 1
        answer = client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        seen[address] = (answer, body.decode(errors="replace"))
        if "html" in answer.get("Content-Type", "") and "?" not in address:
            waiting += [urljoin(address, link) for link in map(unescape, LINK.findall(seen[address][1]))]
            waiting = [urldefrag(link).url for link in waiting if link.startswith("/desk/")]
    return seen


def kind(address):
    """The same for pages that differ by their object only."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d+\b", "*", address)


def contact(text):
    """Canaries in a page; the study's own public addresses are none."""
    for public in ("livet@nordhavn.example.org", "personvernombud@example.org"):
        text = text.replace(public, "")
    return {word for word in CANARIES if word in text}


def rows():
    """All there is of ours; the audit trail apart, for it grows when a reviewer looks at a file."""
    ours = [m for m in apps.get_models() if m.__module__.startswith(("panel.", "consent."))]
    return {m._meta.label: sorted(map(str, m.objects.values_list())) for m in ours if m is not AuditEvent}


@pytest.mark.parametrize("who", WHO, ids=lambda one: one.name)
def test_every_page_of_every_role(field, release, at_desk, who):
    """ZON-06: no address. NEV-06: nothing from elsewhere, no cookie but two. NEV-08: looking changes nothing."""
    before = rows()
    pages = crawl(at_desk(who))
    assert len(pages) >= 6
    for address, (answer, body) in pages.items():
        leads_on = address.startswith("/desk/app/") or address.endswith(
            "/audit/csv/"
        )  # a file of the trail is asked for by POST
        assert answer.status_code == (302 if leads_on else 200), address
        assert not contact(body), address
        assert not contact(address)
        assert not [link for link in LINK.findall(body) if re.match(r"(https?:)?//", link)], address
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "http" not in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert set(answer.cookies) <= {"csrftoken", "sessionid", "messages"}
    assert rows() == before


def test_respondents_pages_keep_their_own_policy(client, field):
    policy = client.get("/a/unknown")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_the_card_shows_contact_data_and_nothing_of_status_or_answers(field, at_desk):
    """ZON-04, ZON-05: one card, after its audit row; this page alone shows an address."""
    amal = field.members[0]
    answer = at_desk(cast.VERA).post(
        reverse("desk:card"),
        {"study": field.study.pk, "code": amal.code.lower(), "reason": "A letter came back."},
    )
    assert answer.status_code == 200
    assert contact(answer.text)
    shown = answer.text.partition('<div class="desk">')[2].partition("<script")[0].lower()
    assert not [
        word for word in ("returned", "norway", "active", "cohort", "flag", "answer") if word in shown
    ]
    assert "no-store" in answer["Cache-Control"]
    event = AuditEvent.objects.filter(actor="vera").latest("id")
    assert event.subject == amal.code
    assert not contact(str(event.detail))


def test_zon_05_the_fifty_first_card_is_refused(field, at_desk):
    vera = at_desk(cast.VERA)
    given = {
        "study": field.study.pk,
        "code": field.members[0].code,
        "reason": "Answer to a question by phone.",
    }
    got = [vera.post(reverse("desk:card"), given).status_code for _number in range(51)]
    assert got == [200] * 50 + [403]


@pytest.mark.parametrize("code", ["ZZZZZZZZZ", ""])
def test_a_wrong_code_opens_nothing(field, at_desk, code):
    answer = at_desk(cast.VERA).post(
        reverse("desk:card"), {"study": field.study.pk, "code": code, "reason": "A letter came back."}
    )
    assert answer.status_code in (400, 404)


def upload(client, field, data, name="file.csv"):
    return client.post(
        reverse("desk:enrol"), {"study": field.study.pk, "file": SimpleUploadedFile(name, data)}, follow=True
    )


def test_zon_06_the_preview_shows_counts_lines_and_reasons_and_no_cell(field, at_desk):
    rows = [recruits.row(n) for n in range(300, 303)] + [
        recruits.row(303, Fødselsår="2015"),
        recruits.row(304, E_post=""),
    ]
    page = upload(at_desk(cast.VERA), field, recruits.csv_of(*rows))
    assert page.status_code == 200
    assert "5 rows were read" in page.text
    assert "are under 18" in page.text
    assert "gave no address" in page.text
    assert not contact(page.text)
    assert not any(word in page.text for word in ("m300@", "Navn300", "2015"))
    staged = StagedFile.objects.get()
    assert b"m300@example.org" not in bytes(staged.sealed)


def test_an_upload_is_admitted_by_who_staged_it(field, at_desk):
    vera = at_desk(cast.VERA)
    before = field.study.members.count()
    preview = upload(vera, field, recruits.csv_of(*(recruits.row(n) for n in range(300, 303))))
    address = preview.redirect_chain[-1][0]
    assert at_desk(cast.LIV).post(address, {"decision": "admit"}).status_code == 404
    assert vera.post(address, {"decision": "something"}).status_code == 400
    assert field.study.members.count() == before
    done = vera.post(address, {"decision": "admit"}, follow=True)
    assert "3 people became members." in done.text
    assert field.study.members.count() == before + 3
    assert vera.get(address).status_code == 404


def test_an_upload_can_be_forgotten(field, at_desk):
    vera = at_desk(cast.VERA)
    address = upload(vera, field, recruits.csv_of(recruits.row(300))).redirect_chain[-1][0]
    assert "Nobody was enrolled" in vera.post(address, {"decision": "discard"}, follow=True).text
    assert not StagedFile.objects.exists()


@pytest.mark.parametrize(
    ("data", "name"), [(b"", "a.csv"), (b"a;b\n1;2\n", "a.csv"), (b"PK\x03\x04", "a.xlsx"), (b"x", "a.exe")]
)
def test_a_file_that_cannot_be_read_is_refused_on_its_page(field, at_desk, data, name):
    answer = upload(at_desk(cast.VERA), field, data, name)
    assert answer.status_code == 400
    assert not StagedFile.objects.exists()


def test_the_admins_own_history_stays_empty(field, at_desk):
    """No LogEntry is written by anything the desk does, so none can hold personal data."""
    client = at_desk(cast.SIGNE)
    client.post(reverse("desk:residency_flag_step", args=[field.flag.pk, "confirm"]), {"reason": "It fits."})
    assert not LogEntry.objects.exists()
