"""Log-in at the desk: password, second factor, throttle, sessions; each with its audit row (AUD-01)."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from panel.audit import services as audit
from panel.staff import services, sessions
from tests.factories import cast
from tests.staff.conftest import (
    FACTORS,
    LOGIN,
    PASSWORD,
    START,
    add_app,
    code,
    confirm,
    enter,
    give_app,
    kinds,
    said,
)

pytestmark = pytest.mark.django_db


def inside(client):
    return client.get(START).status_code == 200


def test_a_password_lets_in_where_no_second_factor_is_asked_for(dag):
    client, answer = enter()
    assert (answer.status_code, answer.url) == (302, START)
    assert inside(client)
    assert said("login.succeeded") == [("dag", "dag", {"by": ["password"]})]


def test_one_comes_to_the_page_one_asked_for_and_nowhere_else(dag):
    client = Client()
    assert client.get("/desk/audit/").url == f"{LOGIN}?next=/desk/audit/"
    given = {"username": "dag", "password": PASSWORD, "next": "/desk/audit/"}
    assert client.post(LOGIN, given).url == "/desk/audit/"
    assert Client().post(LOGIN, {**given, "next": "https://elsewhere.example.com/"}).url == START


@pytest.mark.parametrize(("name", "kept"), [("dag", "dag"), ("amal@example.org", ""), ("my password", "")])
def test_what_was_typed_as_a_name_is_kept_only_where_it_is_one(dag, name, kept):
    client, answer = enter(name, "wrong")
    assert answer.status_code == 200
    assert "belong together" in answer.text
    assert not inside(client)
    assert said("login.failed") == [("log-in", kept, {"by": "password"})]


def test_closed_and_unknown_log_ins_look_the_same(dag):
    services.set_active(by=cast.SYSTEM, user=dag, active=False, now=cast.NOW)
    texts = {enter(name)[1].text.replace(name, "") for name in ("dag", "nobody")}
    texts = {text.partition("<form")[2].partition("belong together")[0].count("\n") for text in texts}
    assert len(texts) == 1


def test_after_five_wrong_tries_a_name_waits_and_is_told_how_long(dag):
    for _try in range(5):
        assert "belong together" in enter(password="wrong")[1].text
    answer = enter()[1]
    assert "Wait five minutes" in answer.text
    assert not said("login.succeeded")


def test_twenty_wrong_tries_from_one_address_are_enough_whatever_the_names(dag):
    for number in range(20):
        enter(f"name{number}", "wrong")
    assert "Wait five minutes" in enter()[1].text


def test_too_many_requests_get_a_page_that_says_when_to_go_on(dag, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    answers = [enter(password="wrong")[1] for _try in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Wait five minutes" in answers[2].text


def test_logging_out_ends_the_session_by_post_only(dag):
    client, _ = enter()
    assert client.get("/desk/logout/").status_code == 405
    assert inside(client)
    assert client.post("/desk/logout/").url == LOGIN
    assert not inside(client)
    assert said("login.ended") == [("dag", "dag", {"why": "asked"})]


def test_the_session_key_is_another_after_the_log_in(dag):
    client = Client()
    client.get(LOGIN)
    client.post(LOGIN, {"username": "dag", "password": "wrong"})
    before = client.session.session_key
    enter(client=client)
    assert client.session.session_key != before


def test_who_has_no_role_is_told_so_and_can_log_out():
    User.objects.create_user("eve", password=PASSWORD)
    client, _ = enter("eve")
    assert client.get(START).url.startswith(LOGIN)
    page = client.get(LOGIN)
    assert (page.status_code, "no role in any study" in page.text) == (200, True)
    assert client.post("/desk/logout/").status_code == 302


# --- the second factor


def test_without_a_second_factor_nothing_else_opens(dag, strict):
    """Outside DEBUG; setting one up opens the desk."""
    client, _ = enter()
    for address in (START, "/desk/audit/", "/desk/studies/", "/desk/account/password/", "/desk/search/"):
        assert client.get(address).url == FACTORS
    page = client.get(FACTORS).text
    assert "Until then nothing else opens" in page
    assert "/desk/audit/" not in page
    add_app(client)
    assert inside(client)
    assert said("factor.added") == [("dag", "dag", {"kind": "totp"})]


def test_log_in_with_an_app(dag, strict):
    secret = give_app(dag)
    client, answer = enter()
    assert answer.url == "/desk/login/second/"
    assert SESSION_KEY not in client.session
    assert client.get(START).status_code == 302
    wrong = client.post(answer.url, {"code": "000000" if code(secret) != "000000" else "111111"})
    assert "not right" in wrong.text
    assert client.post(answer.url, {"code": code(secret)}).url == START
    assert inside(client)
    assert said("login.failed") == [("log-in", "dag", {"by": "code"})]
    assert said("login.succeeded") == [("dag", "dag", {"by": ["password", "totp"]})]


def test_a_code_works_once(dag):
    secret = give_app(dag)
    shown = code(secret)
    for expected in (302, 200):
        client, answer = enter()
        assert client.post(answer.url, {"code": shown}).status_code == expected


def test_guessing_codes_is_stopped(dag):
    give_app(dag)
    client, answer = enter()
    texts = [client.post(answer.url, {"code": f"{number:06}"}).text for number in range(6)]
    assert "Wait five minutes" in texts[-1]


def test_recovery_codes_are_shown_once_and_let_in_once(dag, strict):
    client, _ = enter()
    add_app(client)
    page = client.get("/desk/account/second/codes/").text
    codes = [line.partition("</code>")[0] for line in page.split("<li><code>")[1:]]
    assert len(codes) == 10
    assert "shown once" in client.get("/desk/account/second/codes/").text
    for expected in (302, 200):
        other, answer = enter()
        assert other.post(answer.url, {"code": codes[0]}).status_code == expected
    assert said("login.succeeded")[-1][2] == {"by": ["password", "recovery_codes"]}


def test_what_factors_are_made_from_is_sealed(dag, strict):
    client, _ = enter()
    secret = add_app(client)
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    page = client.get("/desk/account/second/codes/").text
    assert page.split("<li><code>")[1].partition("</code>")[0] not in kept


def test_a_factor_is_changed_only_after_saying_again_who_one_is(dag):
    client, _ = enter()
    for address in ("app/", "key/", "codes/new/"):
        assert client.get(f"{FACTORS}{address}").url.startswith("/desk/account/confirm/")
    wrong = client.post("/desk/account/confirm/", {"password": "wrong"})
    assert "not your password" in wrong.text
    add_app(client)
    assert kinds(dag) == {"totp", "recovery_codes"}


def test_a_factor_can_be_removed_and_codes_made_anew(dag):
    client, _ = enter()
    add_app(client)
    assert client.post(f"{FACTORS}codes/new/").status_code == 302
    assert client.post(f"{FACTORS}app/remove/").url == FACTORS
    assert kinds(dag) == set()
    assert inside(client)
    assert [len(said(f"factor.{verb}")) for verb in ("added", "codes_made", "removed")] == [1, 1, 1]


# --- sessions


@pytest.fixture
def two(dag):
    """Two browsers of one person."""
    return enter()[0], enter()[0]


def test_other_sessions_end_when_a_factor_is_added_or_reset(two, dag):
    this, other = two
    add_app(this)
    assert inside(this)
    answer = other.get("/desk/audit/")
    assert answer.url == f"{LOGIN}?next=/desk/audit/"
    assert "second factor was changed" in other.get(answer.url).text
    assert said("login.ended") == [("dag", "dag", {"why": "second factor changed"})]
    services.reset_factor(by=cast.SYSTEM, user=dag, now=cast.NOW)
    assert not inside(this)


def test_other_sessions_end_with_a_new_password(two):
    this, other = two
    new = "another long password"
    given = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert "not your password" in this.post("/desk/account/password/", {**given, "oldpassword": "wrong"}).text
    assert this.post("/desk/account/password/", given).url == START
    assert (inside(this), inside(other)) == (True, False)
    assert said("password.set") == [("dag", "dag", {})]
    assert enter(password=new)[1].status_code == 302


def test_sessions_of_a_closed_log_in_end_at_once(two, dag):
    services.set_active(by=cast.SYSTEM, user=dag, active=False, now=cast.NOW)
    assert not any(map(inside, two))


def past(client, **seconds):
    """The session as it was so long ago."""
    session = client.session
    kept = session[sessions.KEY]
    session[sessions.KEY] = {**kept, **{name: kept[name] - ago for name, ago in seconds.items()}}
    session.save()


def test_an_idle_session_ends_and_a_used_one_is_noted(dag, settings):
    client, _ = enter()
    past(client, began=29 * 60, seen=29 * 60)
    assert inside(client)
    past(client, began=29 * 60, seen=29 * 60)  # the page just now was noted as use
    assert inside(client)
    past(client, began=60, seen=settings.STAFF_IDLE_MINUTES * 60)
    answer = client.get(START)
    assert answer.url == f"{LOGIN}?next={START}"
    assert "nothing happened" in client.get(answer.url).text
    assert not Session.objects.filter(
        session_key=client.session.session_key, session_data__contains="dag"
    ).exists()
    assert said("login.ended") == [("dag", "dag", {"why": "idle"})]


def test_no_session_outlives_twelve_hours_of_use(dag):
    client, _ = enter()
    past(client, began=12 * 3600 + 1)
    assert client.get(START).status_code == 302
    assert said("login.ended")[0][2] == {"why": "too long"}


def test_nothing_is_done_by_a_form_that_comes_too_late(dag):
    """A POST of an ended session leads to the log-in without an address to come back to."""
    client, _ = enter()
    past(client, began=3600, seen=3600)
    given = {
        "oldpassword": PASSWORD,
        "password1": "another long password",
        "password2": "another long password",
    }
    assert client.post("/desk/account/password/", given).url == LOGIN
    dag.refresh_from_db()
    assert dag.check_password(PASSWORD)


# --- all or nothing, and nothing for respondents


@pytest.mark.parametrize("change", ["password", "app", "codes", "remove"])
def test_a_change_without_its_audit_row_is_none(dag, monkeypatch, change):
    client, _ = enter()
    if change in ("codes", "remove"):
        add_app(client)
    confirm(client)
    if change == "app":
        page = client.get(f"{FACTORS}app/").text
        shown = code(page.partition("<code>")[2].partition("</code>")[0])
    before = dag.password, list(Authenticator.objects.values_list("pk", flat=True))

    def broken(**given):
        raise RuntimeError("broken")

    monkeypatch.setattr(audit, "record", broken)
    new = "another long password"
    posts = {
        "password": (
            "/desk/account/password/",
            {"oldpassword": PASSWORD, "password1": new, "password2": new},
        ),
        "app": (f"{FACTORS}app/", {"code": shown if change == "app" else ""}),
        "codes": (f"{FACTORS}codes/new/", {}),
        "remove": (f"{FACTORS}app/remove/", {}),
    }
    with pytest.raises(RuntimeError, match="broken"):
        client.post(*posts[change])
    dag.refresh_from_db()
    assert (dag.password, list(Authenticator.objects.values_list("pk", flat=True))) == before


def test_a_log_in_without_its_audit_row_is_none(dag, monkeypatch):
    def broken(**given):
        raise RuntimeError("broken")

    monkeypatch.setattr(audit, "record", broken)
    client = Client()
    with pytest.raises(RuntimeError, match="broken"):
        enter(client=client)
    monkeypatch.undo()
    assert not inside(client)


def test_nev_06_respondents_pages_set_no_cookie_even_beside_a_log_in(dag):
    client, _ = enter()
    before = dict(client.cookies.items())
    for address in ("/", "/a/" + "x" * 43, "/robots.txt"):
        answer = client.get(address)
        assert not answer.cookies, address
        assert "Cookie" not in answer.get("Vary", ""), address
    assert dict(client.cookies.items()) == before


def test_what_allauth_could_do_and_we_do_not_want_has_no_address(client):
    for address in (
        "signup/",
        "account/email/",
        "password/reset/",
        "login/code/",
        "account/signup/",
        "3rdparty/",
    ):
        assert client.get(f"/desk/{address}").status_code in (302, 404)
        assert client.get(f"/desk/{address}").get("Location", LOGIN).startswith(LOGIN)
