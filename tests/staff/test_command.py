"""`manage.py staff`: log-ins made, mended and closed by an operator, each with its audit row; no password is shown."""

import json
from io import StringIO
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from panel.audit import services as audit
from panel.commands import Refused
from panel.errors import NotAllowed
from panel.staff import services
from tests.factories import cast
from tests.staff.conftest import enter, give_app, said

pytestmark = pytest.mark.django_db
NEW = "correct horse battery"


def staff(*words):
    out = StringIO()
    call_command("staff", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def use(link, password=NEW):
    """Opens a link and chooses a password there."""
    client = Client()
    page = client.get(urlsplit(link).path, follow=True)
    if not page.redirect_chain:
        return page
    return client.post(page.redirect_chain[-1][0], {"new_password1": password, "new_password2": password})


def test_a_new_log_in_gets_a_link_that_works_once(db):
    link = staff("add", "nina", "--email", "nina@nordhavn.example.org")["link"]
    assert not User.objects.get(username="nina").has_usable_password()
    assert use(link).url == "/desk/login/"
    assert "used already" in use(link).text
    assert enter("nina", NEW)[1].status_code == 302
    for verb, actor in (
        ("login.made", "operator"),
        ("password.link_made", "operator"),
        ("password.set", "nina"),
    ):
        assert said(verb) == [(actor, "nina", {})]


def test_a_weak_password_is_refused_and_the_link_stays_good(db):
    link = staff("add", "nina")["link"]
    assert "too short" in use(link, "short").text
    assert use(link).status_code == 302


def test_a_link_ends_with_its_day(db, settings):
    link = staff("add", "nina")["link"]
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "used already" in use(link).text


def test_a_forgotten_password_is_mended_by_a_new_link(dag):
    assert use(staff("password", "dag")["link"]).status_code == 302
    assert enter("dag", NEW)[1].status_code == 302


def test_a_lost_phone_is_mended_and_the_next_log_in_sets_up_another(dag, strict):
    give_app(dag)
    staff("reset_factor", "dag")
    assert not Authenticator.objects.exists()
    client, answer = enter()
    assert client.get(answer.url).url == "/desk/account/second/"
    assert said("factor.reset") == [("operator", "dag", {})]
    with pytest.raises(Refused, match="no second factor"):
        staff("reset_factor", "dag")


def test_a_log_in_is_closed_and_opened_again(dag):
    staff("deactivate", "dag")
    assert enter()[1].status_code == 200
    with pytest.raises(Refused, match="closed"):
        staff("password", "dag")
    staff("activate", "dag")
    assert enter()[1].status_code == 302
    assert (len(said("login.closed")), len(said("login.opened"))) == (1, 1)
    with pytest.raises(Refused, match="so already"):
        staff("activate", "dag")


def test_the_list_says_who_is_what(dag, django_assert_num_queries):
    give_app(dag)
    with django_assert_num_queries(4):
        rows = {row["username"]: row for row in staff("list")}
    assert (rows["dag"]["second_factor"], rows["dag"]["roles"]) == (True, ["exitnorway: dpo"])
    assert (rows["vera"]["second_factor"], rows["tor"]["roles"]) == (False, ["another: coordinator"])
    out = StringIO()
    call_command("staff", "list", stdout=out)
    assert "dag\topen\tsecond factor\texitnorway: dpo" in out.getvalue()


@pytest.mark.parametrize(
    "words", [["add", "dag"], ["add", "DAG"], ["add", "no blanks"], ["add", "x", "--email", "nonsense"],
              ["add", "x", "--email", "DAG@example.org"], ["password", "nobody"], ["deactivate", "nobody"]],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_sentence(dag, words):
    User.objects.filter(pk=dag.pk).update(email="dag@example.org")
    before = User.objects.count()
    with pytest.raises(Refused) as refused:
        staff(*words)
    assert refused.value.returncode == 1
    assert User.objects.count() == before


@pytest.mark.parametrize("words", [["list", "dag"], ["add"], ["reset_factor"]])
def test_a_wrong_call_ends_with_2(words, db):
    with pytest.raises(CommandError) as wrong:
        staff(*words)
    assert wrong.value.returncode == 2


def test_only_the_operator_makes_and_closes_log_ins(dag):
    for act in (
        lambda: services.add(by=cast.LIV, username="x", now=cast.NOW),
        lambda: services.password_link(by=cast.LIV, user=dag, now=cast.NOW),
        lambda: services.reset_factor(by=cast.LIV, user=dag, now=cast.NOW),
        lambda: services.set_active(by=cast.LIV, user=dag, active=False, now=cast.NOW),
    ):
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize("words", [["add", "nina"], ["reset_factor", "dag"], ["deactivate", "dag"]])
def test_without_its_audit_row_nothing_is_kept(dag, monkeypatch, words):
    give_app(dag)

    def broken(**given):
        raise RuntimeError("broken")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(RuntimeError, match="broken"):
        staff(*words)
    assert not User.objects.filter(username="nina").exists()
    assert Authenticator.objects.filter(user=dag).exists()
    assert User.objects.get(pk=dag.pk).is_active
