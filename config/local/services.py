"""The service here: web server, Celery worker, Celery beat, and mail catcher, over migrated databases.

Only how they are started; what each does is its own affair. Redis comes from redis.py.
"""

import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from config.local import process
from config.local.env import ALIASES, ROOT, Place, Ports
from config.local.process import LocalError
from config.local.supervisor import Child, Supervisor

PROCESS_OF = {name: {"PROCESS": name} for name in ("worker", "beat", "migrate")}

#: Where the example study's life begins (panel/demo/life.py goes on from there).
BEGINNING = "2022-06-30T12:00:00+02:00"
#: For a command that shows its own progress: no line for each request it makes.
QUIET = {"LOG_LEVEL": "WARNING"}
#: No access log (NEV-02), no control socket.
WEB = ("--worker-class=gthread", "--workers=2", "--threads=4", "--graceful-timeout=2", "--no-control-socket")
WORKER = ("--concurrency=2", "--without-mingle", "--without-gossip", "--loglevel", "INFO")


def children(place: Place, ports: Ports) -> list[Child]:
    """What runs, in the order it is started."""
    python, address = sys.executable, f"127.0.0.1:{ports.web}"
    celery = (python, "-m", "celery", "-A", "config")
    letters = ("--smtp-port", str(ports.smtp), "--web-port", str(ports.letters))
    boxes = ("--maildir", place.mail, "--refuse", place.refused)
    return [
        Child("mail", [python, "-m", "config.local.mailbox", *boxes, *letters]),
        Child("web", [python, "-m", "gunicorn", "config.wsgi", "--bind", address, *WEB]),
        Child("worker", [*celery, "worker", *WORKER], PROCESS_OF["worker"]),
        Child(
            "beat",
            [*celery, "beat", "--schedule", place.run / "beat", "--pidfile", "", "--loglevel", "WARNING"],
            PROCESS_OF["beat"],
        ),
    ]


def manage(*arguments: str | Path, env: Mapping[str, str], log: IO[bytes] | None = None) -> process.Started:
    """Start one management command; without a log it writes where we write."""
    return process.spawn([sys.executable, "manage.py", *arguments], env=env, cwd=ROOT, log=log)


def migrate(place: Place, environment: Mapping[str, str]) -> None:
    """Bring the three databases up to date, side by side, and make the keys if there are none."""
    log = place.logs / "migrate.log"
    migrating = {**environment, **PROCESS_OF["migrate"]}
    with log.open("wb") as out:
        commands = [manage("migrate", "--no-input", "--database", a, env=migrating, log=out) for a in ALIASES]
        failed = [command for command in commands if command.wait()]
        if failed or manage("keys", "init", env=environment, log=out).wait():
            raise LocalError(f"The databases could not be set up. The log says why: {log}")


def turn_back(place: Place) -> None:
    """The example's first moment, before anything runs that tells time: a clock that is set back later is refused."""
    place.clock.write_text(BEGINNING)


@contextmanager
def running(place: Place, ports: Ports, environment: Mapping[str, str]) -> Iterator[Supervisor]:
    """The service, answering."""
    with Supervisor(children(place, ports), env=environment, cwd=ROOT, logs=place.logs) as services:
        services.wait_for_port(ports.web)
        services.wait_for_port(ports.letters)
        yield services


@contextmanager
def alone(place: Place) -> Iterator[None]:
    """Refuse a second run over the same folder. The lock ends with its process, so it can't go stale."""
    place.make()
    with (place.run / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalError(
                f"It runs already, as process {lock.read().strip()}. Stop that one first (Ctrl-C there)."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block as Ctrl-C does; while it stops, nothing interrupts that."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def once(number: int, frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, once) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
