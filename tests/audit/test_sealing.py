"""Sealing stays bounded however long the chain is, and many writers and sealers at once keep one chain (AUD-01)."""

import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction

from panel.audit import anchors, selectors, services
from panel.audit.models import AuditEvent, AuditSeal
from tests.audit.test_chain import NOW, SYSTEM, VERA, break_in, events, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(settings, tmp_path) -> list[AuditSeal]:
    settings.AUDIT_ANCHOR_FILE = str(tmp_path / "anchors.txt")
    record(5)
    services.seal(now=NOW)
    return list(AuditSeal.objects.order_by("position"))


def test_a_tick_looks_above_the_low_water_mark_only(chain):
    later = NOW + 2 * selectors.LATE
    mark = AuditEvent.objects.latest("id").pk
    assert selectors.low_water(now=NOW) is None
    assert selectors.low_water(now=later) == mark
    record(3)
    assert selectors.waiting(now=later)[0] == 3
    assert services.seal(now=later) == 3
    assert selectors.verify().oldest_unsealed is None


def test_an_event_that_turns_up_within_a_day_is_sealed_by_the_next_tick(chain):
    """A transaction drew its id before others and commits after they were sealed."""
    record(3)
    late = AuditEvent.objects.filter(pk__gt=events(chain[-1]).get().pk).earliest("id")
    break_in(AuditEvent.objects.filter(pk=late.pk).delete)
    assert services.seal(now=NOW + timedelta(hours=30)) == 2
    late.save(force_insert=True)
    assert services.seal(now=NOW + timedelta(hours=53)) == 1
    assert selectors.verify().ok


def test_an_event_that_turns_up_later_than_a_day_is_found_at_night(chain):
    old = AuditEvent.objects.earliest("id").pk
    stray = AuditEvent(id=old - 1, at=NOW, actor_kind="staff", actor="vera", verb="card.opened")
    break_in(lambda: stray.save(force_insert=True))
    later = NOW + 2 * selectors.LATE
    assert services.seal(now=later) == 0
    assert selectors.verify().oldest_unsealed == NOW  # and until then it is told
    assert anchors.anchor(by=SYSTEM, now=later).verdict.sealed == 6
    assert selectors.verify().ok


def test_verifying_needs_no_more_memory_for_a_longer_chain(monkeypatch):
    monkeypatch.setattr(selectors, "CHUNK", 50)

    def peak(number: int) -> int:
        AuditEvent.objects.bulk_create(
            AuditEvent(at=NOW, actor_kind="staff", actor="vera", verb="card.opened") for _ in range(number)
        )
        services.seal(now=NOW, limit=number)
        tracemalloc.start()
        assert selectors.verify().ok
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(100)  # imports and caches
    assert peak(3000) < 1_000_000
    monkeypatch.setattr(selectors, "CHUNK", 10_000)
    assert peak(1) > 2_000_000  # so the limit tells chunks from all at once


# --- many at once


def closing(act):
    """Does it in this thread and leaves no connection behind."""
    try:
        act()
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("writers", [50])
def test_fifty_threads_write_and_four_seal_one_chain(writers):
    """On PostgreSQL they truly overlap, and ids become visible out of order; SQLite lets one write at a time."""
    each, done = 6, threading.Event()

    def write() -> None:
        for number in range(each):
            with transaction.atomic():
                services.record(by=VERA, verb="card.opened", now=NOW, detail={"number": number})

    def seal() -> None:
        while not done.is_set():
            services.seal(now=NOW, limit=7)
            time.sleep(0.005)

    with ThreadPoolExecutor(writers + 4) as pool:
        sealers = [pool.submit(closing, seal) for _ in range(4)]
        hands = [pool.submit(closing, write) for _ in range(writers)]
        kept = [hand.exception() for hand in hands]
        done.set()
        kept += [sealer.exception() for sealer in sealers]
    assert kept == [None] * (writers + 4)
    while services.seal(now=NOW):
        pass
    verdict = selectors.verify()
    assert verdict.ok
    assert (verdict.sealed, verdict.oldest_unsealed) == (writers * each, None)
    assert AuditSeal.objects.values("event").distinct().count() == writers * each
