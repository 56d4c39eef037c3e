"""Respondents' pages through their URLs, on the test's own moment."""

import pytest

from panel import clock
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
    return answering.in_field()
