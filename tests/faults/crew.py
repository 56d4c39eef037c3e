"""The workers and beats of the proof: real Celery processes, killed and started again as a supervisor would."""

import os
import signal
import sys
import time
from pathlib import Path

from config.celery import app
from config.local import process
from config.local.process import LocalError, Started
from tests.faults.beds import ROOT, Bed

WORKER = ["worker", "--concurrency", "1", "--loglevel", "INFO", "--without-mingle", "--without-gossip", "-n"]
BEAT = ["beat", "--loglevel", "WARNING", "--pidfile=", "--schedule"]


class Crew:
    """Processes by name: w0, w1, … and b0, b1, …; whoever is missing is started by `tend`."""

    def __init__(self, bed: Bed, workers: int = 4) -> None:
        self.bed, self.workers = bed, [f"w{n}" for n in range(workers)]
        self.beats = ["b0"]
        self.running: dict[str, Started] = {}
        self.apart: set[str] = set()  # workers that stand on the machine with the second clock

    def start(self) -> None:
        """All of them, ready."""
        if not self.all_answer():
            logs = "".join(self.bed.log(name).read_text()[-1000:] for name in self.workers)
            raise LocalError(f"Not all workers started: {logs}")

    def all_answer(self, seconds: float = 60) -> bool:
        """Whether all workers hear, with time for those that were just started again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            if self.answering() == set(self.workers):
                return True
        return False

    def tend(self) -> None:
        """Start again what died; end the beats that are one too many."""
        for name in [*self.workers, *self.beats]:
            child = self.running.get(name)
            if child is None or child.poll() is not None:
                self.running[name] = self._spawn(name)
        for name in set(self.running) - {*self.workers, *self.beats}:
            process.stop(self.running.pop(name), signum=signal.SIGKILL)

    def _spawn(self, name: str) -> Started:
        kind = "worker" if name in self.workers else "beat"
        words = (
            [*WORKER, f"{name}@proof"]
            if kind == "worker"
            else [*BEAT, str(self.bed.folder / f"{name}.schedule")]
        )
        clock = self.bed.second_clock if name in self.apart else self.bed.clock
        env = {**self.bed.env, "PROCESS": kind, "CLOCK_FILE": str(clock.file), "LOG_LEVEL": "INFO"}
        with self.bed.log(name).open("ab") as out:
            return process.spawn(
                [sys.executable, "-m", "celery", "-A", "config", *words], env=env, cwd=ROOT, log=out
            )

    def kill(self, *names: str) -> None:
        """By SIGKILL, all at the same moment, with what they started; they stay away until `tend`."""
        for name in names:
            process.send_group(self.running[name], signal.SIGKILL)
        for name in names:
            self.running.pop(name).wait()

    def freeze(self, name: str) -> None:
        """It stands still, with all it holds, as on a machine that is put to sleep."""
        process.send_group(self.running[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        process.send_group(self.running[name], signal.SIGCONT)

    def renew(self) -> None:
        """As when a new version is put in place: told to end, they end what they have in hand; new ones follow."""
        process.stop(*(self.running.pop(name) for name in self.workers), grace=60)
        self.tend()

    def kill_hand(self, name: str) -> None:
        """Only the process that works, as a kernel short of memory does; its parent hands the task on."""
        for child in children(self.running[name].pid):
            os.kill(child, signal.SIGKILL)

    def answering(self) -> set[str]:
        """Who of the workers hears."""
        with app.connection_for_write() as line:
            replies = app.control.ping(timeout=2, limit=len(self.workers), connection=line)
        return {name.partition("@")[0] for reply in replies for name in reply}

    def end(self) -> None:
        if self.running:
            process.stop(*self.running.values(), signum=signal.SIGKILL)
        self.running.clear()


def children(pid: int) -> list[int]:
    """Processes that this one started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
