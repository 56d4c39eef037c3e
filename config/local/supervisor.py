"""Keeps a set of child processes running: one log file each, a restart for what dies, an end for all.

Which processes stands in services.py.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from config.local import process
from config.local.process import LocalError, Started

RESTARTS, WINDOW = 5, 60.0


@dataclass(frozen=True)
class Child:
    """What to run; `env` comes on top of the supervisor's."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """A context: the children run inside the block, none after it."""

    def __init__(self, children: Sequence[Child], *, env: Mapping[str, str], cwd: Path, logs: Path) -> None:
        self.children = list(children)
        self.env, self.cwd, self.logs = dict(env), cwd, logs
        self.running: dict[str, Started] = {}
        self.deaths: dict[str, deque[float]] = {child.name: deque(maxlen=RESTARTS + 1) for child in children}

    def __enter__(self) -> Self:
        try:
            for child in self.children:
                self.log_of(child).unlink(missing_ok=True)
                self.start(child)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def log_of(self, child: Child) -> Path:
        return self.logs / f"{child.name}.log"

    def start(self, child: Child) -> None:
        with self.log_of(child).open("ab") as log:
            argv = child.argv
            self.running[child.name] = process.spawn(
                argv, env={**self.env, **child.env}, cwd=self.cwd, log=log
            )

    def stop(self) -> None:
        """Last started, first stopped: what sends letters ends before what takes them."""
        for name in reversed(list(self.running)):
            process.stop(self.running.pop(name), grace=5)

    def check(self) -> None:
        """Start again what died; give up, with the place of its log, on what keeps dying."""
        for child in self.children:
            if self.running[child.name].poll() is None:
                continue
            process.stop(self.running[child.name])  # what it left of its group
            deaths = self.deaths[child.name]
            deaths.append(time.monotonic())
            if len(deaths) > RESTARTS and deaths[-1] - deaths[0] < WINDOW:
                raise LocalError(f"{child.name} keeps stopping. Its log says why: {self.log_of(child)}")
            self.start(child)

    def wait_for_port(self, port: int, *, seconds: float = 60) -> None:
        """Until a server answers there."""
        deadline = time.monotonic() + seconds
        while not process.answers(port):
            self.check()
            if time.monotonic() > deadline:
                raise LocalError(f"Nothing answers on port {port}. The logs are in {self.logs}")
            time.sleep(0.1)

    def watch(self, until: Started | None = None) -> int:
        """Look after the children until this other process ends; return its exit status."""
        try:
            while until is None or until.poll() is None:
                self.check()
                time.sleep(0.2)
            return until.returncode
        finally:
            if until is not None:
                process.stop(until, grace=2)
