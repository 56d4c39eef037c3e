"""The wave of bench/sending.py: filled, queued, sent by real workers, looked at. Imported once settings are made."""

import contextlib
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from config.local import process
from config.local.process import Started
from tests.faults.beds import DATABASES, ROOT

django.setup()

from panel.invitations import services as outbox  # noqa: E402
from panel.invitations import tasks  # noqa: E402
from panel.invitations.models import Outgoing  # noqa: E402
from panel.invitations.rules import ALIVE  # noqa: E402
from panel.waves import services as waves  # noqa: E402
from tests.factories import fielding as f  # noqa: E402

WORKERS, FILL = 2, 2000
TICK = os.sysconf("SC_CLK_TCK")
WORKER = ("-m", "celery", "-A", "config", "worker", "--concurrency", "1", "--loglevel", "INFO",
          "--without-mingle", "--without-gossip", "-n")  # fmt: skip


# --- what processes use


def tree(pid: int) -> list[int]:
    """A process and all it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in tree(int(child)))]


def seconds(pid: int) -> float:
    """Processor time of a process, its children, and those of theirs that ended."""
    used = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used += sum(int(field) for field in fields[11:15])
    return used / TICK


def resident(pid: int) -> float:
    """MB in memory of a process and all it started."""
    pages = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- ours


def fill(number: int) -> None:
    """A study with so many members and an open wave."""
    study = f.with_letters(f.study())
    for start in range(0, number, FILL):
        f.people(study, min(FILL, number - start), start=start)
    now = datetime.now(UTC)
    wave = f.planned(study, opens_at=now - timedelta(hours=1), closes_at=now + timedelta(days=30))
    waves.lift_hours(by=f.LIV, wave=wave, reason="A benchmark runs at night too.", now=now)
    waves.approve_wave(by=f.LIV, wave=wave, now=now)
    waves.turn(now=now)


def workers(bed: Any) -> list[Started]:
    """Celery's processes, ready."""
    running = []
    for number in range(WORKERS):
        with bed.log(f"w{number}").open("ab") as out:
            argv = [sys.executable, *WORKER, f"w{number}@bench"]
            running.append(process.spawn(argv, env={**bed.env, "PROCESS": "worker"}, cwd=ROOT, log=out))
    for number, one in enumerate(running):
        ready = partial(_is_ready, bed.log(f"w{number}"))
        assert process.wait_until(ready, seconds=60, child=one), bed.log(f"w{number}").read_text()
    return running


def _is_ready(log: Path) -> bool:
    return b" ready." in log.read_bytes()


def send(bed: Any, number: int, crew: list[Started]) -> float:
    """All that is queued through the workers. Letters a second."""
    parts = {"workers": crew, **{name: [bed.servers[name]] for name in ("postgres", "mail", "redis")}}
    before = {name: sum(seconds(one.pid) for one in them) for name, them in parts.items()}
    left = Outgoing.objects.filter(ALIVE)
    start = asked = time.monotonic()
    memory: list[float] = []
    tasks.dispatch.delay()
    while left.exists():
        time.sleep(0.25)
        memory.append(sum(resident(one.pid) for one in crew))
        if time.monotonic() - asked > 30:  # as beat does
            asked = time.monotonic()
            tasks.dispatch.delay()
    took = time.monotonic() - start
    used = {name: sum(seconds(one.pid) for one in them) - before[name] for name, them in parts.items()}
    told = ", ".join(f"{name} {value / number * 1e6:.0f}" for name, value in used.items())
    print(f"processor time, µs a letter: {told}; in all {sum(used.values()) / number * 1e6:.0f}")
    tenths = [memory[len(memory) * tenth // 10] for tenth in range(1, 10)]
    print("memory of both workers, MB, at each tenth:", *(f"{one:.0f}" for one in tenths))
    return number / took


def ours(bed: Any, number: int) -> float:
    """The wave, and then a few letters with a task each."""
    for alias in DATABASES:
        call_command("migrate", database=alias, verbosity=0)
    start = time.monotonic()
    fill(number)
    print(f"{number} members with cards and consent, made in {time.monotonic() - start:.0f} s")
    start = time.monotonic()
    assert outbox.queue_due(now=datetime.now(UTC)) == number
    print(f"queued in {time.monotonic() - start:.1f} s")
    crew = workers(bed)
    rate = send(bed, number, crew)
    process.stop(*crew)
    states = dict(Counter(Outgoing.objects.values_list("state", flat=True)))
    check(bed, number)
    print(f"ours: {rate:.0f} letters a second; rows: {states}")
    return rate


def check(bed: Any, number: int) -> None:
    """Each was delivered once, whole, with links of its own."""
    counts = bed.counts()
    assert (counts["letters"], counts["recipients"]) == (number, number), counts["letters"]
    words = [(one.get_body(("plain",)) or one).get_content().split() for one in map(_parsed, counts["kept"])]
    linked = [word for one in words for word in one if "://" in word]
    assert len(linked) == len(set(linked)) == 3 * len(words), "a link is shared"


def _parsed(text: str) -> Any:
    return message_from_string(text, policy=policy.default)
