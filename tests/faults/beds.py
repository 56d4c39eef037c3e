"""What the proof stands on: databases, Redis and mail server of its own, which it can stop, empty and start again.

One folder holds all of it, and the clock that the service reads. Starts before Django is set up, so it imports none.
"""

import base64
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread, get_ident

from redis import Redis

from config.local import postgres, process, redis
from config.local.process import LocalError, Started
from tests.faults.mailserver import Orders

ROOT = Path(__file__).parents[2]
DATABASES = {"default": "DATABASE_URL", "vault": "VAULT_DATABASE_URL", "keystore": "KEYSTORE_DATABASE_URL"}
#: What a committed row is must outlive the server's death; the machine itself doesn't fall.
KEPT = tuple("synchronous_commit=on" if o.startswith("synchronous_commit") else o for o in postgres.FAST)
#: Small ones, so that many workers have some of a few letters.
CHUNK = 50
BEGIN = datetime(2023, 10, 2, 10, tzinfo=UTC)


class Clock:
    """The service's time: runs as real time does, and is set ahead or back at will. One file for each machine."""

    def __init__(self, file: Path) -> None:
        self.file, self.ahead = file, BEGIN - datetime.now(UTC)
        self.show()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def show(self) -> None:
        """Whole or not at all, for others read it at any moment; two threads may show it at once."""
        new = self.file.with_suffix(f".{get_ident()}")
        new.write_text(self.now().isoformat())
        new.replace(self.file)

    def move(self, by: timedelta) -> None:
        self.ahead += by
        self.show()


class Bed:
    """The servers by name, each started again at the same address."""

    kept: Sequence[str] = KEPT

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.smtp_port = process.free_port()
        self.servers: dict[str, Started] = {}
        self.clock = Clock(folder / "clock")
        self.second_clock = Clock(folder / "clock-2")
        self.env = self._environment()

    # --- addresses

    @property
    def redis_socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def sockets(self) -> Path:
        return self.folder / "pg"

    def url(self, alias: str) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.folder}/{alias}.sqlite3"
        return postgres.url_of(self.sockets).removesuffix("/postgres") + f"/{alias}_proof"

    def _environment(self) -> dict[str, str]:
        new = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GJENSYN_ENV_FILE": str(self.folder / "no.env"),
            "DEBUG": "true",
            "PROCESS": "all",
            "SECRET_KEY": secrets.token_urlsafe(60),
            "SERVICE_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "KEK_FILE": str(self.folder / "kek.json"),
            "JOURNAL_FILE": str(self.folder / "journal" / "journal.jsonl"),
            "AUDIT_ANCHOR_FILE": str(self.folder / "anchors.txt"),
            "REDIS_URL": f"unix://{self.redis_socket}?db=0",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.smtp_port),
            "EMAIL_USE_TLS": "false",
            "BASE_URL": "http://testserver",
            "ALLOWED_HOSTS": "testserver",
            "CLOCK_FILE": str(self.clock.file),
            "BEAT_TICK": "1",
            "VISIBILITY_TIMEOUT": "5",
            "MAIL_CHUNK": str(CHUNK),
            "LOG_LEVEL": "WARNING",
            **{variable: self.url(alias) for alias, variable in DATABASES.items()},
        }
        return {**os.environ, **new}

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    # --- servers

    def start_redis(self) -> None:
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        with self.log("redis").open("ab") as out:
            words: list[str | Path] = [redis.binary(), *redis.arguments(self.redis_socket, data)]
            self.servers["redis"] = process.spawn(words, log=out)
        self._wait("redis", lambda: redis.answers_ping(self.redis_socket))

    def redis(self) -> Redis:
        return Redis.from_url(self.env["REDIS_URL"])

    def start_postgres(self) -> None:
        """With what it had before; the first time with nothing."""
        self.servers["postgres"] = postgres.serve(
            self.binaries, self.folder / "data", self.sockets, self.kept
        )

    def start_mail(self) -> None:
        notes, orders = self.folder / "letters.txt", self.folder / "orders.sock"
        argv: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.faults.mailserver",
            notes,
            str(self.smtp_port),
            orders,
        ]
        with self.log("mail").open("ab") as out:
            self.servers["mail"] = process.spawn(argv, cwd=ROOT, log=out)
        self._wait("mail", lambda: orders.exists() and process.answers(self.smtp_port))
        notes.touch()
        self.mail = Orders(notes, orders)

    def stop(self, name: str, signum: int = signal.SIGTERM) -> None:
        process.stop(self.servers.pop(name), signum=signum)

    def _wait(self, name: str, ready) -> None:
        if not process.wait_until(ready, seconds=30, child=self.servers[name]):
            raise LocalError(f"{name} did not start: {self.log(name).read_text()[-500:]}")

    def start(self) -> None:
        (self.folder / "journal").mkdir(mode=0o700)
        if self.kind == "postgres":
            self.binaries = postgres.installation(self.folder) / "bin"
            postgres.initialise(self.binaries, postgres.own(self.folder / "data"))
            postgres.own(self.sockets)
            self.start_postgres()
            for alias in DATABASES:
                made = [
                    str(self.binaries / "createdb"),
                    "-h",
                    str(self.sockets),
                    "-U",
                    "postgres",
                    f"{alias}_proof",
                ]
                subprocess.run(made, check=True, env=postgres.environment())
        self.start_redis()
        self.start_mail()

    def end(self) -> None:
        for name, signum in (
            ("mail", signal.SIGTERM),
            ("redis", signal.SIGTERM),
            ("postgres", signal.SIGINT),
        ):
            if name in self.servers:
                self.stop(name, signum)


@contextmanager
def made(kind: str) -> Iterator[Bed]:
    """A bed of its own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="gj-f-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's own user must reach its socket in here
        bed, over = Bed(folder, kind), Event()
        clocks = Thread(target=_run_clocks, args=(bed, over))
        with contextlib.ExitStack() as stack:
            stack.callback(bed.end)
            clocks.start()
            stack.callback(clocks.join)
            stack.callback(over.set)
            bed.start()
            yield bed


def _run_clocks(bed: Bed, over: Event) -> None:
    while not over.wait(0.2):
        bed.clock.show()
        bed.second_clock.show()
