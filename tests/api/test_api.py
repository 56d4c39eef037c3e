"""The API: 401 without a token, 403 without a role, 404 for another's; files are the bytes that were approved."""

import hashlib
import json
from copy import deepcopy
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from panel.api import services
from panel.api.views import ByUser
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotFound
from panel.members import services as members
from panel.members.models import StaffRole
from panel.releases import services as releases
from tests.factories import cast, scene
from tests.factories.staged import staged

pytestmark = pytest.mark.django_db
RELEASES = "/api/v1/releases/"
OPERATOR = Actor.system("operator")


def stage():
    """A release that is approved and one that waits."""
    study = cast.study()
    scene.crowd(study)
    approved, waiting = scene.release(study), scene.release(study)
    releases.approve(by=cast.RAVN, release=approved, reason="Went through it.", now=scene.NOW)
    return study, approved, waiting


@pytest.fixture(scope="module")
def _stage(django_db_setup, django_db_blocker):
    with staged(django_db_blocker, stage) as made:
        yield made


@pytest.fixture
def made(_stage, db):
    cache.clear()
    return deepcopy(_stage)


def client_of(actor):
    """A machine with a token of this person."""
    _stored, token = AuthToken.objects.create(user=cast.user(actor))
    return Client(headers={"authorization": f"Token {token}"})


def test_a_researcher_lists_what_is_approved_with_hashes(made):
    _study, approved, _waiting = made
    got = client_of(cast.INES).get(RELEASES).json()
    assert (got["count"], [one["id"] for one in got["results"]]) == (1, [str(approved.pk)])
    one = got["results"][0]
    assert (one["study"], one["wave"], one["product"], one["sha256"]) == (
        "exitnorway",
        "0",
        "B",
        approved.sha256,
    )
    assert one["k"] >= 6
    assert one["rows"] > 0
    assert {file["name"].rpartition(".")[2] for file in one["files"]} == {"csv", "parquet", "json", "md"}


def test_each_file_is_downloaded_as_it_was_approved(made):
    ines = client_of(cast.INES)
    for file in ines.get(RELEASES).json()["results"][0]["files"]:
        got = ines.get(file["url"])
        assert hashlib.sha256(got.content).hexdigest() == file["sha256"]
        assert file["bytes"] in (None, len(got.content))
        assert "attachment" in got["Content-Disposition"]
        assert "no-store" in got["Cache-Control"]
    assert AuditEvent.objects.filter(verb="release.downloaded", actor="ines").exists()


@pytest.mark.parametrize("key", ["", "Token nonsense", "Bearer x", "Token gj_" + "0" * 60])
def test_without_a_token_nothing_is_said(made, key):
    _study, approved, _waiting = made
    client = Client(headers={"authorization": key} if key else {})
    for path in ("", f"{approved.pk}/", f"{uuid4()}/", f"{approved.pk}/files/x.csv"):
        assert client.get(RELEASES + path).status_code == 401


@pytest.mark.parametrize(
    "who", [cast.SIGNE, cast.VERA, cast.RAVN, cast.DAG, cast.TOR], ids=lambda one: one.name
)
def test_without_the_role_a_token_opens_nothing(made, who):
    assert client_of(who).get(RELEASES).status_code == 403


def test_what_is_anothers_or_not_approved_looks_like_nothing(made):
    """The same answer for another study's, a waiting one and one that never was."""
    _study, approved, waiting = made
    other = cast.Study.objects.get(slug="another")
    members.assign_role(
        by=cast.SYSTEM, user=cast.user(cast.TOR), study=other, role="researcher", now=scene.NOW
    )
    tor, ines = client_of(cast.TOR), client_of(cast.INES)
    assert tor.get(RELEASES).json()["results"] == []
    name = approved.files.first().name
    answers = [
        client.get(f"{RELEASES}{path}")
        for client, pk in ((tor, approved.pk), (ines, waiting.pk), (ines, uuid4()))
        for path in (f"{pk}/", f"{pk}/files/{name}")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers[1::2]}) == 1


def test_a_withdrawn_release_is_gone_and_a_file_that_never_was_is_404(made):
    _study, approved, _waiting = made
    ines = client_of(cast.INES)
    assert ines.get(f"{RELEASES}{approved.pk}/files/other.csv").status_code == 404
    releases.withdraw(by=cast.RAVN, release=approved, reason="A mistake in it.", now=scene.NOW)
    assert ines.get(f"{RELEASES}{approved.pk}/").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nev_08_the_api_only_reads(made, method):
    assert getattr(client_of(cast.INES), method)(RELEASES).status_code == 405


def test_a_token_ends_with_its_days_and_with_its_role(made):
    ines = client_of(cast.INES)
    StaffRole.objects.filter(user__username="ines").delete()
    assert ines.get(RELEASES).status_code == 403
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert ines.get(RELEASES).status_code == 401


def test_who_is_no_longer_active_is_out(made):
    ines = client_of(cast.INES)
    user = cast.user(cast.INES)
    user.is_active = False
    user.save()
    assert ines.get(RELEASES).status_code in (401, 403)


def test_a_token_has_a_pace(made, monkeypatch):
    monkeypatch.setattr(ByUser, "rate", "3/min")
    ines = client_of(cast.INES)
    assert [ines.get(RELEASES).status_code for _n in range(4)] == [200, 200, 200, 429]


def test_a_list_of_releases_asks_a_constant_number_of_times(made, django_assert_max_num_queries):
    study, _approved, waiting = made
    ines = client_of(cast.INES)
    releases.approve(by=cast.RAVN, release=waiting, reason="Went through it.", now=scene.NOW)
    ines.get(RELEASES)
    with django_assert_max_num_queries(8):
        assert ines.get(RELEASES).json()["count"] == 2


def token_of(**changes):
    given = {"by": OPERATOR, "username": "ines", "days": 30, "now": scene.NOW}
    return services.make_token(**{**given, **changes})


def test_the_operator_makes_a_token_that_is_shown_once(made):
    out = StringIO()
    call_command("api_token", "ines", "--days", "30", "--json", stdout=out)
    token = json.loads(out.getvalue())["token"]
    assert Client(headers={"authorization": f"Token {token}"}).get(RELEASES).status_code == 200
    stored = AuthToken.objects.get(user__username="ines")
    assert token not in str(AuthToken.objects.values().get(pk=stored.pk))
    assert timedelta(days=29) < stored.expiry - timezone.now() <= timedelta(days=30)
    event = AuditEvent.objects.get(verb="token.made")
    assert (event.subject, token in str(event.detail)) == ("ines", False)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"username": "eve"}, NotFound),
        ({"username": "signe"}, NotAllowed),
        ({"days": 0}, BadInput),
        ({"days": 400}, BadInput),
        ({"by": cast.LIV}, NotAllowed),
    ],
)
def test_a_token_is_refused(made, wrong, refusal):
    with pytest.raises(refusal):
        token_of(**wrong)
    assert not AuthToken.objects.exists()


def test_the_command_ends_with_1_for_who_may_not(made):
    with pytest.raises(CommandError) as refused:
        call_command("api_token", "vera")
    assert refused.value.returncode == 1


def test_a_token_whose_audit_row_fails_is_not_kept(made, monkeypatch):
    def broken(**given):
        raise RuntimeError

    monkeypatch.setattr(services.audit, "record", broken)
    with pytest.raises(RuntimeError):
        token_of()
    assert not AuthToken.objects.exists()


def test_tokens_are_revoked_at_once_and_on_record(made):
    out = StringIO()
    keys = [token_of() for _number in range(2)]
    call_command("api_token", "ines", "--revoke", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"username": "ines", "revoked": 2}
    for key in keys:
        assert Client().get("/api/v1/releases/", HTTP_AUTHORIZATION=f"Token {key}").status_code == 401
    kept = AuditEvent.objects.get(verb="token.revoked")
    assert (kept.actor, kept.subject, kept.detail) == ("operator", "ines", {"tokens": 2})
    with pytest.raises(NotFound):
        services.revoke_tokens(by=Actor.system("operator"), username="ines", now=timezone.now())
    with pytest.raises(NotAllowed):
        services.revoke_tokens(by=cast.LIV, username="ines", now=timezone.now())


def test_tokens_stay_where_their_revocation_is_not_on_record(made, monkeypatch):
    def broken(**given):
        raise RuntimeError("broken")

    token_of()
    monkeypatch.setattr("panel.api.services.audit.record", broken)
    with pytest.raises(RuntimeError, match="broken"):
        services.revoke_tokens(by=Actor.system("operator"), username="ines", now=timezone.now())
    assert AuthToken.objects.count() == 1
