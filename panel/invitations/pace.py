"""How fast letters go: so many a second over all workers, so many a minute to one receiving domain. Counted in Redis.

Off and free of cost where no rate is set. Of a domain only a keyed hash leaves the process. Not here: how many go on a
day (quota.py), how much one person gets (limits.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from time import monotonic, sleep, time

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from panel.keys import macs

#: A worker waits no longer than this for its turn; the letter's check gets old meanwhile.
PATIENCE = 1.0
#: Without the counter nobody knows the rate, and a provider that was promised one blocks for less.
UNCOUNTED = timedelta(minutes=1)
_NAP = 0.01


@dataclass(frozen=True)
class Gate:
    """Asked before each letter is handed over."""

    now: datetime
    second: RateLimitItem | None = None
    domain: RateLimitItem | None = None
    began: float = field(default_factory=monotonic)

    def wait(self, address_domain: str) -> datetime | None:
        """None: go now, perhaps after a moment's wait. A moment: the letter goes back to wait until then."""
        if self.second is None and self.domain is None:
            return None
        try:
            return self._wait(_mark(address_domain) if self.domain else "")
        except RedisError:
            return self._in(UNCOUNTED)

    def _wait(self, mark: str) -> datetime | None:
        limiter = _limiter(settings.REDIS_URL)
        if self.domain and not limiter.test(self.domain, mark):
            return self._until(self.domain, mark)
        if self.second and not _turn(limiter, self.second):
            return self._in(timedelta(seconds=PATIENCE))
        if self.domain and not limiter.hit(self.domain, mark):  # another worker took the last place meanwhile
            return self._until(self.domain, mark)
        return None

    def _until(self, item: RateLimitItem, mark: str) -> datetime:
        frees = _limiter(settings.REDIS_URL).get_window_stats(item, mark).reset_time - time()
        return self._in(timedelta(seconds=max(frees, PATIENCE)))

    def _in(self, wait: timedelta) -> datetime:
        return self.now + timedelta(seconds=monotonic() - self.began) + wait


def gate(*, now: datetime) -> Gate:
    """The gate of one chunk, begun now."""
    second, domain = settings.MAIL_PER_SECOND, settings.MAIL_PER_DOMAIN_PER_MINUTE
    return Gate(
        now=now,
        second=RateLimitItemPerSecond(second) if second else None,
        domain=RateLimitItemPerMinute(domain) if domain else None,
    )


def _turn(limiter: MovingWindowRateLimiter, item: RateLimitItem) -> bool:
    """Whether a place came free in time."""
    end = monotonic() + PATIENCE
    while not limiter.hit(item, "all"):
        if monotonic() >= end:
            return False
        sleep(_NAP)
    return True


@cache
def _limiter(url: str) -> MovingWindowRateLimiter:
    """One connection pool for the whole process."""
    return MovingWindowRateLimiter(
        RedisStorage(url.replace("unix://", "redis+unix://", 1), key_prefix="pace")
    )


def _mark(domain: str) -> str:
    return macs.domain_mark(domain.lower()).hex()
