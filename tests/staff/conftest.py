"""A person of staff with a password, and a browser; tries that failed are forgotten between tests."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

from panel.audit.models import AuditEvent
from tests.factories import cast

PASSWORD = "a long enough password"
LOGIN, START, FACTORS = "/desk/login/", "/desk/", "/desk/account/second/"


@pytest.fixture(autouse=True)
def _nobody_tried_before(db):
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def dag():
    """The data-protection officer's log-in; a study gives the role."""
    cast.study()
    user = cast.user(cast.DAG)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def strict(settings):
    """As outside DEBUG: nobody comes far without a second factor."""
    settings.SECOND_FACTOR = True


def enter(username="dag", password=PASSWORD, client=None):
    """(browser, answer) of a log-in by password."""
    client = client or Client()
    return client, client.post(LOGIN, {"username": username, "password": password})


def code(secret, step=0):
    """What an app shows now, or some half minutes away."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def confirm(client):
    """Says once more who one is; asked before a factor is changed."""
    return client.post("/desk/account/confirm/", {"password": PASSWORD})


def add_app(client):
    """Sets up an app; its secret."""
    confirm(client)
    page = client.get("/desk/account/second/app/").text
    (secret,) = re.findall(r"<code>([A-Z2-7]+)</code>", page)
    done = client.post("/desk/account/second/app/", {"code": code(secret)})
    assert done.status_code == 302, done.text
    return secret


def give_app(user, secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"):
    """An app somebody set up earlier; its secret."""
    TOTP.activate(user, secret)
    return secret


def said(verb):
    """(actor, subject, detail) of what was recorded under this name."""
    return list(AuditEvent.objects.filter(verb=verb).order_by("id").values_list("actor", "subject", "detail"))


def kinds(user):
    """Which factors somebody has."""
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
