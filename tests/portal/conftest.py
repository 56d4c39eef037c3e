"""Respondents' pages through their URLs, on the test's own moment."""

import pytest

from panel import clock
from panel.enrolment import intake
from panel.keys import services as keys
from tests.factories import answering


@pytest.fixture
def now(monkeypatch):
    """Sets what time it is: `now(moment)`; NOW of the factory until told otherwise."""

    def set_now(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    set_now(answering.NOW)
    return set_now


@pytest.fixture
def field(db, now):
    """With the public key to which new addresses are sealed; a worker made it."""
    keys.initialise(today=answering.OPENS.date())
    intake.ensure(today=answering.OPENS.date())
    return answering.in_field()
