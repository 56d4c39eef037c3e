"""A mail provider's webhook, through anymail's real views, with posts in the documented forms of two providers."""

import base64
import hashlib
import hmac
import json
import sys
import types
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.checks import run_checks

from panel.audit.models import AuditEvent
from panel.invitations import verp
from panel.invitations.models import LostContact, Returned
from panel.invitations.services import queue_service
from panel.members.models import PanelMember
from panel.portal import hooks
from panel.portal.checks import PROVIDERS, provider_is_set_up
from tests.factories import cast

pytestmark = pytest.mark.django_db
SECRET, KEY = "provider:a long and lonely road", "key-of-the-provider"


@pytest.fixture
def urls(settings, monkeypatch):
    settings.MAIL_PROVIDER = "postmark"
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": KEY}
    module = types.ModuleType("tests.portal.hook_urls")
    module.urlpatterns = [*hooks.routes("mailgun"), *hooks.routes("postmark")]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.ROOT_URLCONF = module.__name__


@pytest.fixture
def post(client, urls):
    def send(provider: str, body: dict, secret: str = SECRET) -> int:
        given = "Basic " + base64.b64encode(secret.encode()).decode()
        answer = client.post(
            f"/{provider}", json.dumps(body), content_type="application/json", HTTP_AUTHORIZATION=given
        )
        return int(answer.status_code)

    return send


@pytest.fixture
def amal():
    return cast.amal(cast.study())


@pytest.fixture
def row(amal):
    return queue_service(member=amal, occasion=uuid4(), now=cast.NOW)


def mailgun(row, event: str = "failed", said: str = "5.1.1 user unknown", **more: object) -> dict:
    """As its documentation shows it: signed, with the headers of the message."""
    token, at = uuid4().hex, "1696932000"
    signature = hmac.new(KEY.encode(), f"{at}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": at, "token": token, "signature": signature},
        "event-data": {
            "event": event, "timestamp": 1696932000.1, "recipient": "amal@example.org",
            "message": {"headers": {"message-id": f"{row.pk.hex}@{host()}", "to": "amal@example.org"}},
            "delivery-status": {"code": 550, "message": said, "description": ""},
            "client-info": {"user-agent": "Canary/1.0"}, **more,
        },
    }  # fmt: skip


def host() -> str:
    return urlsplit(settings.BASE_URL).hostname or ""


def postmark(row, kind: str, description: str = "", **more: object) -> dict:
    """As its documentation shows it, with the mark that our letters carry for it."""
    (mark,) = verp.provider_header(row.pk).values()
    return {
        "RecordType": "Bounce", "ID": 42, "Type": kind, "TypeCode": 1, "MessageID": str(uuid4()),
        "Metadata": {"letter": mark}, "Email": "amal@example.org", "Description": description,
        "BouncedAt": "2023-10-10T09:00:00Z", **more,
    }  # fmt: skip


def kept() -> list[tuple[str, str, str]]:
    return list(Returned.objects.values_list("kind", "code", "reason"))


@pytest.mark.parametrize(
    ("event", "more", "wanted"),
    [
        ("failed", {"severity": "permanent", "reason": "bounce"}, ("hard", "5.1.1", "no_such_user")),
        ("failed", {"severity": "temporary", "reason": "generic"}, ("soft", "5.1.1", "delayed")),
        ("complained", {}, ("complaint", "", "abuse")),
        ("unsubscribed", {}, ("complaint", "", "opt_out")),
    ],
)
def test_mailgun_is_heard(post, row, event, more, wanted):
    assert post("mailgun", mailgun(row, event, **more)) == 200
    assert kept() == [wanted]
    assert AuditEvent.objects.get(verb="letter.returned").actor == "mail provider"


@pytest.mark.parametrize(
    ("kind", "description", "wanted"),
    [
        (
            "HardBounce",
            "The server was unable to deliver your message (unknown user)",
            ("hard", "", "no_such_user"),
        ),
        ("SoftBounce", "Unable to deliver now (mailbox full)", ("soft", "", "mailbox_full")),
        ("Transient", "The server could not temporarily deliver", ("soft", "", "delayed")),
        ("BadEmailAddress", "", ("hard", "", "no_such_user")),
        ("Blocked", "ISP block: content or blacklisting", ("soft", "", "refused_sender")),
        ("AutoResponder", "Automatic reply", ("auto-reply", "", "absent")),
        ("SpamComplaint", "", ("complaint", "", "abuse")),
    ],
)
def test_postmark_is_heard(post, row, kind, description, wanted):
    assert post("postmark", postmark(row, kind, description)) == 200
    assert kept() == [wanted]


@pytest.mark.parametrize("event", ["opened", "clicked", "delivered"])
def test_nev_05_opened_and_clicked_count_as_nothing(post, row, event):
    assert post("mailgun", mailgun(row, event)) == 200
    assert not Returned.objects.exists()


def test_nothing_of_the_post_is_kept_but_the_class(post, row):
    post("mailgun", mailgun(row, said="550 5.1.1 <amal@example.org> unknown user"))
    everything = str(list(Returned.objects.values())) + str(list(AuditEvent.objects.values("detail", "verb")))
    assert "amal@" not in everything
    assert "Canary" not in everything


def test_a_post_that_comes_again_changes_nothing(post, row):
    for _each in range(3):
        assert post("mailgun", mailgun(row, severity="permanent", reason="bounce")) == 200
    assert len(kept()) == 1
    assert not PanelMember.objects.get().unreachable


def test_two_letters_refused_open_a_case(post, amal):
    for _each in range(2):
        post("mailgun", mailgun(queue_service(member=amal, occasion=uuid4(), now=cast.NOW)))
    assert LostContact.objects.get().member == amal


def test_a_post_about_another_senders_letter_is_taken_and_counts_as_nothing(post, row):
    body = mailgun(row)
    body["event-data"]["message"]["headers"]["message-id"] = "20231010.1@mg.example.net"
    assert post("mailgun", body) == 200
    assert not Returned.objects.exists()


def test_a_mark_made_up_finds_no_letter(post, row):
    body = postmark(row, "HardBounce", "unknown user")
    body["Metadata"]["letter"] = row.pk.hex + "0" * 12
    assert post("postmark", body) == 200
    assert not Returned.objects.exists()


@pytest.mark.parametrize("secret", ["provider:guessed", "", "provider:"])
def test_who_does_not_know_the_secret_is_refused(post, row, secret):
    assert post("postmark", postmark(row, "HardBounce", "unknown user"), secret) == 400
    assert not Returned.objects.exists()


def test_a_post_that_is_not_signed_is_refused(post, row):
    body = mailgun(row)
    body["signature"]["signature"] = "0" * 64
    assert post("mailgun", body) == 400
    assert not Returned.objects.exists()


def test_nev_08_a_get_changes_nothing(client, urls):
    assert client.get("/mailgun").status_code == 405
    assert client.head("/mailgun").status_code == 200
    assert not Returned.objects.exists()


@pytest.mark.parametrize("secret", ["", "provider", "provider:short", ":a long and lonely road"])
def test_without_a_secret_there_is_no_address_and_the_check_says_so(settings, secret):
    settings.ANYMAIL = {"WEBHOOK_SECRET": secret}
    settings.MAIL_PROVIDER = "postmark"
    assert hooks.routes("postmark") == []
    assert [one.id for one in provider_is_set_up()] == ["portal.E002"]


def test_the_check_wants_a_known_provider_and_its_key(settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.MAIL_PROVIDER = "mailgun"
    assert [one.id for one in run_checks() if one.id.startswith("portal.")] == ["portal.E003"]
    settings.MAIL_PROVIDER = "pigeon"
    assert [one.id for one in provider_is_set_up()] == ["portal.E001"]
    settings.MAIL_PROVIDER = ""
    assert provider_is_set_up() == []
    assert hooks.routes("") == []
    settings.MAIL_PROVIDER, settings.PROCESS = "mailgun", "worker"
    assert provider_is_set_up() == []  # it sends, and serves no address


def test_the_checks_and_the_views_know_the_same_providers():
    assert tuple(hooks.VIEWS) == PROVIDERS
    assert verp.PROVIDER_HEADERS.keys() <= hooks.VIEWS.keys()
