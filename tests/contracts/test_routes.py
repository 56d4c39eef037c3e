"""Every route of the whole service has a guard: a log-in, a token, a member's link; or stands in a short public list.

A route that is added without one fails here.
"""

import importlib
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from config import urls
from panel.desk.site import desk
from panel.portal.urls import PUBLIC

pytestmark = pytest.mark.django_db

#: Whoever comes may see these: the log-in and four pages that hold nothing of anybody.
OPEN = {"desk:login", "desk:logout"} | {f"portal:{name}" for name in PUBLIC}
#: The steps of a log-in: before it is done nobody is anybody yet. tests/staff/ shows what each asks for.
STEPS_IN = {":account_login", ":account_logout", ":mfa_authenticate", ":account_password_link"}
STEPS_IN |= {":openid_connect_login", ":openid_connect_callback"}
BY_LOGIN, BY_TOKEN, BY_LINK, OWN_LOGIN = "desk", "api", "portal", ""
STAND_IN = {"uuid": uuid4, "str": lambda: "x" * 43, "slug": lambda: "x", "int": lambda: 1}


def routes(patterns=None, space=""):
    """(full name, pattern) of every route there is."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, pattern.namespace or space)
        elif isinstance(pattern, URLPattern):
            yield f"{space}:{pattern.name}", pattern


def address(name, pattern):
    """An address of this route, of things that aren't there."""
    kinds = {
        key: type(kind).__name__.removesuffix("Converter").lower()
        for key, kind in pattern.pattern.converters.items()
    }
    return reverse(
        name.removeprefix(":"),
        kwargs={key: STAND_IN.get(kind, STAND_IN["slug"])() for key, kind in kinds.items()},
    )


ROUTES = dict(routes())
GUARDED = sorted(set(ROUTES) - OPEN - STEPS_IN)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_nameless():
    assert all(":" in name and not name.endswith("None") for name in ROUTES)


def test_the_public_list_is_short_and_true():
    assert set(ROUTES) >= OPEN | STEPS_IN
    assert len(OPEN) == 6


def test_every_route_belongs_to_one_of_four_doors():
    """Whoever is logged in; a token; a member's link; one's own log-in, by the names allauth asks for."""
    assert {name.partition(":")[0] for name in ROUTES} == {BY_LOGIN, BY_TOKEN, BY_LINK, OWN_LOGIN}
    own = {name for name in ROUTES if name.startswith(":")}
    assert all(name.startswith((":account_", ":mfa_", ":openid_connect_")) for name in own)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("name", GUARDED)
def test_nobody_comes_in_without_a_key(name, method):
    """A stranger is sent to the log-in, told that a token is missing, or told that the link isn't known."""
    answer = getattr(Client(), method)(address(name, ROUTES[name]))
    door = name.partition(":")[0]
    if door in (BY_LOGIN, OWN_LOGIN):
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("desk:login"))
    elif door == BY_TOKEN:
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Token"
    else:
        assert answer.status_code in (404, 405)
    assert not answer.cookies.get("sessionid")


@pytest.mark.parametrize("name", sorted(STEPS_IN - {":account_login"}))
def test_a_step_of_a_log_in_out_of_turn_leads_nowhere(name):
    """Without a log-in begun, or with a link nobody gave, nothing is shown of anybody."""
    answer = Client().get(address(name, ROUTES[name]))
    assert answer.status_code in (302, 404, 405) or "used already" in answer.text
    assert answer.get("Location", reverse("desk:login")) == reverse("desk:login")
    assert not answer.cookies.get("sessionid")


@pytest.mark.parametrize("name", [name for name in GUARDED if name.startswith(BY_TOKEN)])
def test_a_desk_log_in_is_no_key_to_the_api(name, admin_user):
    client = Client()
    client.force_login(admin_user)
    assert client.get(address(name, ROUTES[name])).status_code == 401


def test_the_desk_has_no_page_for_adding_editing_or_deleting_rows():
    names = {name for name in ROUTES if name.startswith(BY_LOGIN)}
    assert not [
        name
        for name in names
        if name.endswith(("_add", "_delete", "_history", "autocomplete", "view_on_site"))
    ]
    assert not desk.actions or set(dict(desk.actions)) == {"delete_selected"}
    assert all(admin.actions is None for admin in desk._registry.values())


@pytest.mark.parametrize("process", ["portal", "desk"])
def test_each_process_serves_its_own_pages_only(process, monkeypatch):
    """The respondents' process has no desk, and the desk's none of theirs."""
    monkeypatch.setattr(settings, "PROCESS", process)
    try:
        spaces = {p.pattern._route.partition("/")[0] for p in importlib.reload(urls).urlpatterns}
    finally:
        monkeypatch.undo()
        importlib.reload(urls)
    assert ("desk" in spaces) == (process == "desk")
    assert ("" in spaces) == (process == "portal")
