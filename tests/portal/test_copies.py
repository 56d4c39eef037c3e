"""A copy of one's data by the pages (LAW-08): asked on the own page, fetched by POST with the letter's link."""

import json
import re
from datetime import timedelta

import lxml.html
import pytest

from panel.invitations import links
from panel.invitations.models import Link, Outgoing
from panel.members.models import PanelMember
from panel.rights import copies, erasure
from panel.rights.models import Copy, CopyRequest
from tests.factories.answering import NOW, with_cards
from tests.portal.html import LANGUAGES, Seen, see, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(field):
    with_cards(field.amal, field.other)
    return f"/p/{field.token(Link.Use.OWN)}"


@pytest.fixture
def letter(field, own, client):
    """The address in the letter; the copy is made."""
    walk(client, f"/a/{field.token()}", now={"where_live": "moved_on"})
    client.post(f"{own}/copy")
    new = links.NewLink(Link.Use.COPY, field.amal, None, CopyRequest.objects.get().pk)
    (token,) = links.mint_many([new], today=NOW.date())
    return f"/d/{token}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_asked_for_by_post_and_comes_by_letter(field, client, own, lang):
    assert see(client, f"{own}/copy?lang={lang}").find("//form//button")
    assert not CopyRequest.objects.exists()
    page = Seen(client.post(f"{own}/copy?lang={lang}", follow=True))
    assert page.find("//p[@role='status']")
    assert Outgoing.objects.get().kind == "copy_ready"
    assert "/d/" not in page.response.content.decode()  # the mailbox alone gets the link


def test_asked_twice_says_so_in_words(field, client, own):
    client.post(f"{own}/copy")
    page = Seen(client.post(f"{own}/copy?lang=en"))
    assert page.status == 409
    assert "within the last 24 hours" in page.text
    assert Outgoing.objects.count() == 1


def test_until_a_worker_has_made_it_the_page_says_so(field, client, letter):
    page = see(client, f"{letter}?lang=en")
    assert "still being made" in page.text
    assert not page.find("//form")
    assert client.post(letter, {"as": "json"}).status_code == 409
    copies.make_copies(now=NOW)
    assert see(client, letter).find("//form")


def test_get_shows_a_warning_and_delivers_nothing(field, client, letter):
    """Scanners open links; phones are shared."""
    copies.make_copies(now=NOW)
    page = see(client, f"{letter}?lang=en")
    assert "stays on this device" in page.text
    assert "Content-Disposition" not in page.response.headers
    assert "example.org" not in page.text.replace("study@example.org", "")
    assert client.post(letter, {"as": "elsewhere"}).status_code == 200
    assert Copy.objects.get().fetched_at is None


def test_post_delivers_json(field, client, letter):
    copies.make_copies(now=NOW)
    response = client.post(letter, {"as": "json"})
    assert response["Content-Disposition"] == 'attachment; filename="copy.json"'
    assert response["Cache-Control"] == "no-store"
    copy = json.loads(response.content)
    assert copy["contact"]["email"] == "uk@example.org"
    assert copy["records"]["responses.Response"]["rows"][0]["answers"]["where_live"] == "moved_on"
    assert Copy.objects.get().fetched_at == NOW


@pytest.mark.parametrize("lang", LANGUAGES)
def test_post_delivers_a_page_to_read_in_the_member_s_language(field, client, letter, lang):
    """With everything that the JSON has, and nothing from elsewhere."""
    PanelMember.objects.filter(pk=field.amal.pk).update(language=lang)
    copies.make_copies(now=NOW)
    response = client.post(letter, {"as": "page"})
    assert response["Content-Disposition"] == 'attachment; filename="copy.html"'
    html = response.content.decode()
    page = lxml.html.fromstring(html)
    assert page.get("lang") == lang
    assert not page.xpath("//@src | //link | //script | //a")
    text = " ".join(page.text_content().split())
    made = json.loads(client.post(letter, {"as": "json"}).content)
    for part in (*made["contact"].values(), *(one["words"].split("\n")[0] for one in made["consents"])):
        assert " ".join(part.split()) in text
    for label, table in made["records"].items():
        assert label in text
        for row in table["rows"]:
            assert all(str(value) in text for value in row.values() if isinstance(value, str))
    (survey,) = made["surveys"]
    assert all(one["question"] in text and one["answer"] in text for one in survey["answers"])


def test_it_can_be_fetched_again_until_it_ends(field, client, letter, now):
    copies.make_copies(now=NOW)
    now(NOW + timedelta(days=7))
    assert client.post(letter, {"as": "json"}).status_code == 200
    assert client.post(letter, {"as": "page"}).status_code == 200
    now(NOW + timedelta(days=8))
    assert client.post(f"{letter}?lang=en").content == client.get("/d/unknown?lang=en").content


def test_who_left_and_has_no_address_any_more_is_led_to_the_copy(field, client, own, now):
    client.post(f"{own}/stop", {"rung": "leave_keep"})
    then = NOW + timedelta(days=15)
    erasure.erase_due(now=then)
    now(then)
    response = client.post(f"{own}/copy")
    assert response.status_code == 303
    assert re.fullmatch(r"/d/[\w-]{43}", response["Location"])
    copies.make_copies(now=then)
    copy = json.loads(client.post(response["Location"], {"as": "json"}).content)
    assert copy["contact"] == {}


def test_who_has_everything_deleted_is_told_that_there_is_none(field, client, own):
    client.post(f"{own}/stop", {"rung": "leave_delete", "word": "DELETE"})
    page = see(client, f"{own}/copy?lang=en")
    assert "so no copy is made" in page.text
    assert not page.find("//form")
    assert client.post(f"{own}/copy").status_code == 409
