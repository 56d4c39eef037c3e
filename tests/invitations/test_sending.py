"""A chunk that meets somebody who locks the same people in another order. What sending does is in test_outbox.py."""

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from panel import sets
from panel.invitations import sending, services
from panel.invitations.models import Outgoing
from panel.invitations.rules import State
from panel.members.models import PanelMember
from tests.factories import fielding as f
from tests.settings import TEST_DB

WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def claim(transactional_db):
    livet = f.with_letters(f.study())
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    return chunk.claim


def until_somebody_waits() -> None:
    end = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITS)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


def looks_for_deadlocks(after: str) -> None:
    """PostgreSQL looks once, so long after a wait began; who looks is ended. Only a superuser may set it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('deadlock_timeout', %s, false)", [after])


@pytest.mark.skipif(TEST_DB != "postgres", reason="SQLite locks no rows")
def test_a_worker_that_the_database_chose_to_end_begins_again(claim, monkeypatch):
    """Else its chunk would wait for the end of the claim's lease, a quarter of an hour."""
    low, high = PanelMember.objects.order_by("pk")
    ready, done, asked, is_deadlock = threading.Event(), [], [], sets.is_deadlock

    def judged(error):
        asked.append(is_deadlock(error))
        return asked[-1]

    monkeypatch.setattr(sets, "is_deadlock", judged)

    def in_the_other_order():
        try:
            looks_for_deadlocks("5min")
            with transaction.atomic():
                PanelMember.objects.select_for_update().get(pk=high.pk)
                ready.set()
                until_somebody_waits()
                PanelMember.objects.select_for_update().get(pk=low.pk)
                done.append(True)
        finally:
            connection.close()

    other = threading.Thread(target=in_the_other_order)
    other.start()
    assert ready.wait(30)
    looks_for_deadlocks("3s")
    try:
        made = sending.make_ready(claim=claim, now=f.NOON)
    finally:
        connection.close()
    other.join(30)
    assert not other.is_alive()
    assert (len(made), done, asked) == (2, [True], [True])
    assert set(Outgoing.objects.values_list("state", flat=True)) == {State.READY}


def test_a_database_that_is_away_is_no_deadlock(claim, monkeypatch):
    errors = [OperationalError("gone"), AssertionError("it tried again")]

    def away(_claim):
        raise errors.pop(0)

    monkeypatch.setattr(sending.checking, "hold_people", away)
    with pytest.raises(OperationalError, match="gone"):
        sending.make_ready(claim=claim, now=f.NOON)
