"""The institution's log-in (OpenID Connect): only staff come in, and nobody on a forged or foreign word."""

import urllib.request
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.test import Client

from panel.staff import services
from tests.factories import cast
from tests.staff.conftest import LOGIN, START, code, give_app, said
from tests.staff.institution import CLIENT, SECRET, running

pytestmark = pytest.mark.django_db
BEGIN, BACK = "/desk/login/oidc/oidc/", "http://testserver/desk/login/oidc/oidc/callback/"
DAG = {"sub": "feide-7f3a", "email": "dag@nordhavn.example.org", "email_verified": True}


@pytest.fixture
def feide(settings):
    """The server, with the settings that name it as config/settings.py makes them."""
    with running(BACK) as one:
        app: dict[str, Any] = {"provider_id": "oidc", "name": "Feide", "client_id": CLIENT, "secret": SECRET}
        app["settings"] = {"server_url": one.issuer}
        settings.OIDC_NAME = "Feide"
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        one.person = dict(DAG)
        yield one


@pytest.fixture
def known(dag):
    """Dag's log-in has the address that the institution vouches for."""
    dag.email = "Dag@nordhavn.example.org"
    dag.save()
    return dag


def onward(client, feide):
    """The address on our page that leads to the institution."""
    page = client.post(BEGIN).text
    assert f'href="{feide.issuer}/auth?' in page
    return (
        page.partition('href="')[2]
        .partition(f'href="{feide.issuer}')[2]
        .partition('"')[0]
        .replace("&amp;", "&")
    )


def through(feide, client=None):
    """(browser, answer of ours) after a visit at the institution, the hop for strict cookies included."""
    client = client or Client()
    path = onward(client, feide)
    line = HTTPConnection("127.0.0.1", feide.port)
    line.request("GET", path)
    where = urlsplit(line.getresponse().headers["Location"])
    line.close()
    return client, client.get(f"{where.path}?{where.query}")


def inside(client):
    return client.get(START).status_code == 200


def test_the_log_in_page_offers_it_only_where_it_is_set_up(client, settings, dag):
    assert "Feide" not in client.get(LOGIN).text
    settings.OIDC_NAME = "Feide"
    assert "Log in with Feide" in client.get(LOGIN).text


def test_staff_with_the_verified_address_come_in_and_are_known_by_their_subject_from_then_on(feide, known):
    client, answer = through(feide)
    assert answer.url == START
    assert inside(client)
    assert said("login.linked") == [("dag", "dag", {})]
    assert said("login.succeeded") == [("dag", "dag", {"by": ["socialaccount"]})]
    feide.person = {"sub": DAG["sub"], "email": "new@elsewhere.example.com", "email_verified": True}
    assert inside(through(feide)[0])
    (linked,) = SocialAccount.objects.values_list("user__username", "provider", "uid", "extra_data")
    assert linked == ("dag", "oidc", DAG["sub"], {})


def test_a_subject_that_the_operator_noted_is_enough(feide, dag):
    cast.study("third")
    services.add(by=cast.SYSTEM, username="nina", oidc_subject="feide-nina", provider="oidc", now=cast.NOW)
    feide.person = {"sub": "feide-nina"}
    client, answer = through(feide)
    assert answer.url == START
    assert "no role in any study" in client.get(LOGIN).text


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "x", "email": "stranger@nordhavn.example.org", "email_verified": True},
        {"sub": "x", "email": "dag@nordhavn.example.org", "email_verified": False},
        {"sub": "x", "email": "dag@nordhavn.example.org", "email_verified": "true"},
        {"sub": "x", "email": "dag@nordhavn.example.org"},
        {"sub": "x", "email": "", "email_verified": True},
        {"sub": "x"},
    ],
    ids=["stranger", "not verified", "a word for true", "not said", "empty", "no address"],
)
def test_nobody_signs_up_and_no_unverified_address_counts(feide, known, person):
    feide.person = person
    before = get_user_model().objects.count()
    client, answer = through(feide)
    assert answer.url == LOGIN
    assert "you have no log-in here" in client.get(LOGIN).text
    assert not inside(client)
    assert (get_user_model().objects.count(), SocialAccount.objects.count()) == (before, 0)
    assert said("login.failed") == [("log-in", "", {"by": "openid connect"})]


@pytest.mark.parametrize(
    "wrong", ["signature", "audience", "issuer", "old", "userinfo", "no id_token", "refuses"]
)
def test_a_word_that_is_not_the_institutions_lets_nobody_in(feide, known, wrong):
    feide.wrong = {wrong}
    client, answer = through(feide)
    assert answer.url == LOGIN
    assert "did not work" in client.get(LOGIN).text
    assert not inside(client)
    assert not SocialAccount.objects.exists()


def test_an_answer_that_another_browser_asked_for_is_refused(feide, known):
    """The state is tied to the session that began; a code brought by somebody else logs nobody in."""
    first = Client()
    path = onward(first, feide)
    line = HTTPConnection("127.0.0.1", feide.port)
    line.request("GET", path)
    where = urlsplit(line.getresponse().headers["Location"])
    line.close()
    other = Client()
    hop = other.get(f"{where.path}?{where.query}")
    assert "_redir" in hop.text  # strict cookies don't come along from elsewhere: the page asks once more
    assert other.get(f"{where.path}?{where.query}&_redir=").url == LOGIN
    assert not inside(other)


def test_our_second_factor_is_asked_for_all_the_same(feide, known, strict):
    secret = give_app(known)
    client, answer = through(feide)
    assert answer.url == "/desk/login/second/"
    assert not inside(client)
    client.post(answer.url, {"code": code(secret)})
    assert inside(client)
    assert said("login.succeeded")[0][2] == {"by": ["socialaccount", "totp"]}


def test_a_closed_log_in_stays_closed(feide, known):
    through(feide)
    services.set_active(by=cast.SYSTEM, user=known, active=False, now=cast.NOW)
    client, answer = through(feide)
    assert answer.url == LOGIN
    assert not inside(client)


def test_an_institution_that_is_away_is_said_on_the_log_in_page(settings, dag):
    app: dict[str, Any] = {"provider_id": "oidc", "name": "Feide", "client_id": CLIENT, "secret": SECRET}
    app["settings"] = {"server_url": "http://127.0.0.1:9"}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    client = Client()
    assert client.post(BEGIN).url == LOGIN
    assert "did not work" in client.get(LOGIN).text


def test_looking_begins_nothing(feide, known):
    """NEV-08."""
    client = Client()
    assert client.get(BEGIN).status_code == 405
    assert client.post("/desk/login/oidc/other/").url == LOGIN


def test_the_fake_server_refuses_what_a_real_one_refuses(feide):
    """So that the tests above can't pass on a server that lets everything through."""
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{feide.issuer}/auth?client_id=other&redirect_uri={BACK}&state=x")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{feide.issuer}/token", data=b"code=guessed")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{feide.issuer}/userinfo")
