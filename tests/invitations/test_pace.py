"""The pace of sending over all workers, on a real Redis: a second's and a domain's share, and no domain in clear."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic

import pytest
from redis import Redis

from panel.invitations import pace
from tests.factories.fielding import NOON


@pytest.fixture
def redis(redis_url, settings):
    settings.REDIS_URL = redis_url
    pace._limiter.cache_clear()
    with Redis.from_url(redis_url) as connection:
        yield connection
    pace._limiter.cache_clear()


def test_without_a_rate_nobody_waits_and_nothing_is_asked(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    gate = pace.gate(now=NOON)
    assert {gate.wait("example.org") for _letter in range(1000)} == {None}


def test_so_many_letters_a_second_over_all_workers(redis, settings):
    settings.MAIL_PER_SECOND = 10

    def worker(_number):
        gate = pace.gate(now=NOON)
        return sum(gate.wait("example.org") is None for _letter in range(8))

    began = monotonic()
    with ThreadPoolExecutor(3) as workers:
        went = sum(workers.map(worker, range(3)))
    seconds = monotonic() - began
    assert went <= 10 * (seconds + 1)
    assert went > 10, "who waits a moment goes"


def test_a_letter_whose_turn_does_not_come_goes_back_for_a_moment(redis, settings, monkeypatch):
    settings.MAIL_PER_SECOND = 1
    monkeypatch.setattr(pace, "PATIENCE", 0.05)
    gate = pace.gate(now=NOON)
    assert gate.wait("example.org") is None
    until = gate.wait("example.org")
    assert until is not None
    assert NOON < until < NOON + timedelta(seconds=30)


def test_one_domain_s_share_holds_no_other_up(redis, settings):
    settings.MAIL_PER_DOMAIN_PER_MINUTE = 2
    gate = pace.gate(now=NOON)
    assert [gate.wait("example.org") for _letter in range(2)] == [None, None]
    until = gate.wait("EXAMPLE.org")
    assert until is not None
    assert NOON + timedelta(seconds=40) < until <= NOON + timedelta(seconds=90)
    assert gate.wait("example.net") is None


def test_nev_09_no_domain_leaves_the_process_in_clear(redis, settings):
    settings.MAIL_PER_DOMAIN_PER_MINUTE = 2
    settings.MAIL_PER_SECOND = 5
    pace.gate(now=NOON).wait("refugees.example.org")
    kept = b" ".join(redis.keys())
    assert kept
    assert b"refugees" not in kept
    assert b"example" not in kept


def test_without_the_counter_a_letter_waits_a_minute_and_is_not_lost(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    settings.MAIL_PER_SECOND = 5
    pace._limiter.cache_clear()
    until = pace.gate(now=NOON).wait("example.org")
    assert until is not None
    assert NOON + pace.UNCOUNTED <= until < NOON + 2 * pace.UNCOUNTED
