"""All respondents' addresses: guarded, no cookies, changed by POST alone, alike for every bad link."""

import itertools
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.test import Client
from django.views.defaults import server_error

from panel.invitations.links import PATHS
from panel.invitations.models import Link
from panel.portal.guard import OF_MEMBER
from panel.portal.urls import PUBLIC, urlpatterns
from panel.rights.rules import Rung
from panel.waves import services as waves
from tests.factories.answering import CLOSES, NOW
from tests.portal.html import LANGUAGES, Seen, see, walk
from tests.portal.letters import link

pytestmark = pytest.mark.django_db
PORTAL = Path(__file__).parents[2] / "panel" / "portal"

#: The first page of each link, then its further pages.
FIRST = {
    "answer": Link.Use.ANSWER,
    "stop": Link.Use.STOP,
    "one-click": Link.Use.ONE_CLICK,
    "own": Link.Use.OWN,
    "confirm": Link.Use.CONFIRM,
    "cancel": Link.Use.CANCEL,
    "consent": Link.Use.CONSENT,
    "copy": Link.Use.COPY,
}
FURTHER = {
    **{f"{use.value}-stop": (use, "stop") for use in OF_MEMBER if use != Link.Use.STOP},
    **{f"{use.value}-own": (use, "own") for use in OF_MEMBER if use != Link.Use.OWN},
    "own-residence": (Link.Use.OWN, "residence"),
    "own-hours": (Link.Use.OWN, "hours"),
    "own-address": (Link.Use.OWN, "address"),
    "own-copy": (Link.Use.OWN, "copy"),
    "own-consents": (Link.Use.OWN, "consents"),
    "own-consents-new": (Link.Use.OWN, "consents/new"),
}
USES = {**FIRST, **{name: use for name, (use, _page) in FURTHER.items()}}
TOKENED = {
    **{name: f"/{PATHS[use]}/{{}}" for name, use in FIRST.items()},
    **{name: f"/{PATHS[use]}/{{}}/{page}" for name, (use, page) in FURTHER.items()},
}
OPEN = {"landing": "/", "robots": "/robots.txt", "again": "/again", "new-address": "/new-address"}


def addresses(field):
    """Every address of the portal, each with a link of its own use."""
    return list(OPEN.values()) + [path.format(link(field, USES[name])) for name, path in TOKENED.items()]


def everything():
    """All rows of all tables, to see whether anything changed."""
    return {
        model._meta.label: sorted(map(repr, model._default_manager.values_list()))
        for model in apps.get_models()
    }


def test_every_address_is_public_by_name_or_needs_a_link():
    names = {pattern.name for pattern in urlpatterns}
    assert names == PUBLIC | set(TOKENED)
    for pattern in urlpatterns:
        assert (pattern.name in PUBLIC) != ("token" in pattern.pattern.converters)
        assert getattr(pattern.callback, "csrf_exempt", False)  # set by the guard alone
        assert hasattr(pattern.callback, "__wrapped__")


def test_nev_08_get_head_and_options_change_nothing(field, client):
    all_addresses = addresses(field)
    queries = [
        "",
        "?page=now",
        "?page=last",
        "?lang=en",
        "?undo=1&rung=no_mail",
        "?List-Unsubscribe=One-Click",
    ]
    before = everything()
    for address, query, method in itertools.product(all_addresses, queries, ("get", "head", "options")):
        assert getattr(client, method)(address + query).status_code in {200, 405}
    assert everything() == before


@pytest.mark.parametrize("added", ["/", ".", ")", ">"])
def test_what_a_mail_program_adds_to_a_link_does_no_harm(field, client, added):
    for name, use in FIRST.items():
        address = TOKENED[name].format(link(field, use))
        response = client.get(address + added)
        assert response.status_code == 200
        assert f"{address}{added.replace('/', '//')}" not in response.content.decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(field, client, method):
    for address in addresses(field):
        assert getattr(client, method)(address).status_code == 405


def test_nev_06_no_page_sets_a_cookie_or_reads_one(field):
    """CSRF checks are on, as in the field: posting needs no cookie either."""
    client = Client(enforce_csrf_checks=True)
    for address in [*addresses(field), "/a/unknown"]:
        for response in (client.get(address), client.post(address)):
            assert not response.cookies
            assert "Cookie" not in response.headers.get("Vary", "")
    assert not client.cookies


def test_every_page_keeps_to_itself(field, client):
    """NEV-06, NEV-07, NEV-15: nothing stored, nothing told on, nothing from elsewhere, no script."""
    for address in [*addresses(field), "/a/unknown"]:
        response = client.get(address)
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["X-Robots-Tag"].startswith("noindex")
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        if address == OPEN["robots"]:
            continue
        page = see(client, address)
        assert not page.find("//script | //iframe | //img | //*[@style] | //@onclick | //@onload")
        for found in page.find("//@src | //link/@href | //form/@action | //a/@href"):
            assert found.startswith(("/", "#", "mailto:study@example.org")), found
            assert not found.startswith("//")


def test_nev_02_the_portal_reads_neither_address_nor_device():
    for path in PORTAL.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"REMOTE_ADDR|FORWARDED|USER_AGENT|User-Agent|COOKIES|\.session", text), path


def bad_links(field):
    """(address, why it is bad) for each way a link can be bad."""
    for name, path in TOKENED.items():
        yield path.format("x" * 43), "unknown"
        yield path.format(link(field, USES[name])[:-1]), "cut short"
        for other in set(Link.Use) - {USES[name]}:
            yield path.format(link(field, other)), f"a link to {other}"


def test_tok_01_every_bad_link_looks_the_same(field, client):
    pages = {
        (getattr(client, method)(address).status_code, getattr(client, method)(address).content)
        for address, _why in bad_links(field)
        for method in ("get", "post")
    }
    assert len(pages) == 1
    assert pages.pop()[0] == 404


def test_tok_01_expired_and_withdrawn_look_like_unknown(field, client, now):
    unknown = client.get("/a/unknown").content
    token, left = field.token(), field.token(Link.Use.ANSWER, field.other)
    client.post(f"/m/{field.token(Link.Use.STOP, field.other)}", {"rung": "leave_keep"})
    assert client.get(f"/a/{left}").content == unknown
    waves.turn(now=CLOSES)
    now(CLOSES + timedelta(days=14) - timedelta(seconds=1))
    assert client.get(f"/a/{token}").status_code == 200  # TOK-02: thanks for 14 days
    now(CLOSES + timedelta(days=14))
    assert client.get(f"/a/{token}").content == unknown
    assert client.get(f"/a/{token}/stop").content == client.get(f"/a/{token}/own").content == unknown


def test_tok_02_the_link_to_the_stops_lives_on(field, client, now):
    token = field.token(Link.Use.STOP)
    now(NOW + timedelta(days=2000))
    assert client.get(f"/m/{token}").status_code == 200


def test_tok_02_the_own_page_lives_as_long_as_the_data(field, client, now):
    """Whoever left and kept answers, and whoever waits for deletion, still sees what is held."""
    token = field.token(Link.Use.OWN)
    for rung in ("leave_keep", "leave_delete"):
        client.post(f"/p/{token}/stop", {"rung": rung, "word": "DELETE"})
        assert client.get(f"/p/{token}").status_code == 200
    now(NOW + timedelta(days=2000))
    assert client.get(f"/p/{token}").status_code == 200
    field.amal.delete()
    assert client.get(f"/p/{token}?lang=en").content == client.get("/p/unknown?lang=en").content


def test_law_05_each_page_leads_to_the_ladder_or_says_where_it_is(field, client):
    """A page behind a link that only pauses, or that a stranger may hold, points to the letters' own link."""
    for name, path in TOKENED.items():
        page = see(client, path.format(link(field, USES[name])) + "?lang=en")
        if name in {"one-click", "confirm"}:
            assert "use the last link in" in page.text
        elif not name.endswith("stop"):
            stops = page.link("stops")
            assert client.get(stops).status_code == 200


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_address_that_was_never_ours_is_answered_in_the_browser_s_language(client, lang):
    page = Seen(client.get("/a/b/c/d", headers={"Accept-Language": lang}))
    assert page.status == 404
    assert page.find("//html/@lang") == [lang]
    assert page.find("//h1")[0].text == see(client, f"/a/unknown?lang={lang}").find("//h1")[0].text


def test_our_own_failure_is_told_in_all_languages(rf):
    page = Seen(server_error(rf.get("/")))
    assert page.status == 500
    assert set(page.find("//p/@lang")) == set(LANGUAGES)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_front_page_says_nothing_of_any_topic(client, lang):
    page = Seen(client.get("/", headers={"Accept-Language": lang}))
    assert page.find("//html/@lang") == [lang]
    assert not re.search(
        r"ukrain|norw|norge|украї|украи|норв|refug|flykt|біжен|бежен", page.text, re.IGNORECASE
    )


def test_the_front_page_speaks_the_browsers_language(client):
    def spoken(accept):
        return client.get("/", headers={"Accept-Language": accept})["Content-Language"]

    assert (spoken("uk,en;q=0.5"), spoken("ru"), spoken("nb"), spoken("fr")) == ("uk", "ru", "nb", "en")


def test_zon_01_respondents_pages_need_no_key_to_the_cards(field, client, settings, tmp_path):
    """In production the portal has no KEK: answering, and each stop, work without it."""
    settings.KEK_FILE = str(tmp_path / "none.json")
    ladder = f"/m/{field.token(Link.Use.STOP)}"
    walk(client, f"/a/{field.token()}", now={"where_live": "moved_on"})
    for rung in Rung:
        sent = {"rung": rung.value, "until": "2024-01-01", "word": "DELETE"}
        assert client.post(ladder, sent).status_code in {303, 409}
    field.amal.refresh_from_db()
    assert field.amal.status == "deleting"
