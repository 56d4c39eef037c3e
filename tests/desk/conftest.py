"""The desk with the shared cast: each role's own client, the moment of the test, a study with people in the field."""

import pytest
from django.test import Client

from panel import clock
from tests.factories import cast


@pytest.fixture
def now(monkeypatch):
    """Sets what time it is: `now(moment)`."""

    def set_now(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    set_now(cast.NOW)
    return set_now


@pytest.fixture
def at_desk(db):
    """A browser of somebody of the cast: `at_desk(cast.SIGNE)`."""

    def enter(actor):
        client = Client()
        client.force_login(cast.user(actor))
        return client

    return enter
