"""Real Celery workers on a real Redis and a real SMTP server: two at once, and one killed in mid-chunk.

What must hold after any fault: each letter was sent once, will be sent, or stands in `unconfirmed` and was in
`sending` at that moment.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from config.celery import app
from panel import clock
from panel.audit.models import AuditEvent
from panel.invitations import services
from panel.invitations.models import Outgoing
from panel.invitations.rules import CLAIM_LEASE, SENDING_LEASE, State
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories import fielding as f
from tests.invitations.servers import Server

pytestmark = pytest.mark.django_db(transaction=True)


def wait_until(true: Callable[[], bool], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return false_with_states()


def false_with_states() -> bool:
    print(Counter(Outgoing.objects.values_list("state", "reason")))
    return False


def a_wave_of(number: int) -> None:
    livet = f.with_letters(f.study())
    f.people(livet, number)
    now = clock.now()
    wave = f.planned(livet, opens_at=now - timedelta(hours=1), closes_at=now + timedelta(days=30))
    waves.approve_wave(by=f.LIV, wave=wave, now=now)
    waves.turn(now=now)
    wave.refresh_from_db()
    waves.lift_hours(by=f.LIV, wave=wave, reason="The test runs at any hour.", now=now)


def call(task: str, line: Any) -> None:
    app.send_task(f"panel.invitations.tasks.{task}", connection=line)


def states() -> Counter[str]:
    return Counter(Outgoing.objects.values_list("state", flat=True))


def message_ids(smtp: Server) -> Counter[str]:
    return Counter(str(letter["Message-ID"]) for letter in smtp.arrived)


def id_of(row: Outgoing) -> str:
    return f"<{row.pk.hex}@testserver>"


def test_two_workers_on_one_outbox_send_each_letter_once(smtp, service_env, celery_worker_process, broker):
    """Everything is asked for several times over, as an eager beat would."""
    a_wave_of(120)
    celery_worker_process(concurrency=2)
    celery_worker_process(concurrency=2)
    for _ in range(4):
        call("queue_due", broker)
        call("dispatch", broker)
    assert wait_until(lambda: states() == {State.SENT: 120})
    assert Counter(smtp.recipients) == {f"m{n}@example.org": 1 for n in range(120)}
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.INVITED).count() == 120


@pytest.mark.parametrize("at_letter", [1, 7])
def test_after_a_kill_in_mid_chunk_each_letter_was_sent_will_be_or_stands_in_doubt(
    smtp, service_env, celery_worker_process, broker, at_letter
):
    a_wave_of(60)
    smtp.seconds = 0.15
    worker = celery_worker_process(concurrency=1, env={"VISIBILITY_TIMEOUT": "2"})
    call("queue_due", broker)
    assert wait_until(lambda: len(smtp.arrived) >= at_letter)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    time.sleep(0.5)  # what was on the line arrives or breaks
    at_the_kill = {row.pk: row.state for row in Outgoing.objects.all()}
    assert State.SENDING in at_the_kill.values(), "the kill came in mid-chunk"

    smtp.seconds = 0
    later = clock.now() + max(SENDING_LEASE, CLAIM_LEASE) + timedelta(seconds=1)
    services.sweep_leases(now=later)
    celery_worker_process(concurrency=1, env={"VISIBILITY_TIMEOUT": "2"})
    call("dispatch", broker)
    assert wait_until(lambda: set(states()) <= {State.SENT, State.UNCONFIRMED})

    arrived = message_ids(smtp)
    assert set(arrived.values()) <= {1}, "no letter twice"
    for row in Outgoing.objects.all():
        if row.state == State.SENT:
            assert arrived[id_of(row)] == 1
        else:
            assert at_the_kill[row.pk] == State.SENDING
    assert states()[State.UNCONFIRMED] == Counter(at_the_kill.values())[State.SENDING]
    assert AuditEvent.objects.filter(verb="letters.unconfirmed").exists()


def test_a_message_lost_by_the_broker_costs_a_lease_and_no_letter(
    smtp, service_env, celery_worker_process, broker
):
    """Claimed, and the hand-over never reached a worker."""
    a_wave_of(5)
    services.queue_due(now=clock.now())
    list(services.dispatch(now=clock.now()))
    services.sweep_leases(now=clock.now() + CLAIM_LEASE + timedelta(seconds=1))
    celery_worker_process(concurrency=1)
    call("dispatch", broker)
    assert wait_until(lambda: states() == {State.SENT: 5})
    assert len(smtp.arrived) == 5
