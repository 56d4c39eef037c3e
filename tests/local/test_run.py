"""`make run` and `make demo` as a newcomer meets them: real processes, started, stopped, interrupted, killed.

The example's own life is tested in tests/demo; here a shorter command stands in its place.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.local.env import ROOT, Place
from config.local.process import free_port

DONE = "open(r'{0}/lives', 'a').write('x')"
STAND_IN = """if True:
    import sys
    from config.local import {module} as m
    m.life = lambda *a: {command!r}
    sys.exit(m.main())
"""
SLOW = DONE + "; import time; time.sleep(100)"


def left_of(folder: Path) -> list[int]:
    """Processes that were started for this folder and still run."""
    mark, found = f"GJENSYN_ENV_FILE={folder}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # gone meanwhile, or another user's
    return found


def none_left(folder: Path) -> bool:
    deadline = time.monotonic() + 30
    while left_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not left_of(folder)


class Run:
    """One `python -m config.local.run` or `.demo`, with a command of the test's for the example's life."""

    def __init__(self, folder: Path, life: str, module: str = "run", port: int = 0) -> None:
        self.folder, self.port, self.letters = folder, port or free_port(), free_port()
        script = STAND_IN.format(module=module, command=["shell", "-c", life.format(folder)])
        names = {"PORT": self.port, "MAIL_PORT": self.letters, "GJENSYN_VAR": folder, "GJENSYN_DEMO": folder}
        environ = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in names.items()}}
        argv, pipe = [sys.executable, "-c", script], subprocess.PIPE
        self.process = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=pipe, stderr=pipe)

    def wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + 180
        while not path.exists():
            assert self.process.poll() is None, self.ended()
            assert time.monotonic() < deadline, f"{path} did not appear"
            time.sleep(0.1)

    def wait_for_welcome(self) -> str:
        assert self.process.stdout is not None
        lines = []
        while line := self.process.stdout.readline().decode():
            lines.append(line)
            if line.strip().startswith("Logs "):
                return "".join(lines)
        raise AssertionError(self.ended())

    def ended(self) -> tuple[int, str]:
        """Its exit status and all it said."""
        out, error = self.process.communicate(timeout=180)
        return self.process.returncode, (out + error).decode()

    def get(self, port: int, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status


@contextmanager
def started(*arguments, **named) -> Iterator[Run]:
    run = Run(*arguments, **named)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
        run.ended()


@pytest.fixture
def folder(tmp_path) -> Path:
    path: Path = tmp_path / "var"
    return path


def test_first_and_second_start(folder):
    place = Place(folder)
    with started(folder, DONE) as run:
        said = run.wait_for_welcome()
        assert f"http://127.0.0.1:{run.port}/desk/" in said
        assert f"http://127.0.0.1:{run.letters}/" in said
        assert run.get(run.letters, "/") == 200
        assert run.get(run.port, "/desk/login/") == 200
        with started(folder, DONE) as second:
            status, said = second.ended()
            assert status == 1
            assert f"It runs already, as process {run.process.pid}" in said
        with started(folder.parent / "other", DONE, port=run.port) as other:
            status, said = other.ended()
            assert status == 1
            assert f"Port {run.port} is in use" in said
            assert len(said.strip().splitlines()) == 1
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        status, said = run.ended()
        assert (status, said.strip()) == (0, "Stopped.")
        assert time.monotonic() - began < 30
    assert none_left(folder)
    keys = place.env_file.read_text().split("KEK_FILE")[0]

    began = time.monotonic()
    with started(folder, DONE) as run:
        run.wait_for_welcome()
        assert time.monotonic() - began < 120
    assert (folder / "lives").read_text() == "x"  # lived once
    assert place.env_file.read_text().split("KEK_FILE")[0] == keys
    assert none_left(folder)


def test_an_interrupted_load_starts_afresh_and_a_kill_leaves_nothing(folder):
    with started(folder, SLOW) as run:
        run.wait_for(folder / "lives")
        stale = Place(folder).mail / "new" / "stale"
        stale.parent.mkdir(parents=True, exist_ok=True)
        stale.touch()
        run.process.kill()
    assert none_left(folder)
    with started(folder, DONE) as run:
        run.wait_for_welcome()
    assert (folder / "lives").read_text() == "xx"
    assert not stale.exists()
    assert (folder / "example-loaded").exists()


def test_a_load_that_fails_is_said_and_ends_all(folder):
    with started(folder, "raise SystemExit(4)") as run:
        status, said = run.ended()
    assert status == 1
    assert "The example study could not be loaded" in said
    assert none_left(folder)
    assert not (folder / "example-loaded").exists()


def test_somebodys_own_data_is_served_and_not_mixed_with_the_example(folder):
    Place(folder).make()
    (Place(folder).databases / "default.sqlite3").touch()
    with started(folder, DONE) as run:
        run.wait_for_welcome()
    assert not (folder / "lives").exists()


def test_the_demo_passes_on_the_status_of_its_life(folder):
    code = "import json, os; json.dump(dict(os.environ), open(r'{0}/seen', 'w')); raise SystemExit(3)"
    with started(folder, code, module="demo") as run:
        assert run.ended()[0] == 3
    seen = json.loads((folder / "seen").read_text())
    assert seen["CLOCK_FILE"].startswith(str(folder))
    assert seen["BEAT_TICK"] == "1"
    assert seen["DATABASE_URL"].startswith(f"sqlite:///{folder}")
    assert none_left(folder)


@pytest.mark.parametrize("module", ["run", "demo"])
def test_the_service_tells_the_examples_time_from_its_first_tick(folder, module):
    """However slowly the example's own command starts: a clock set back later would stop all mail."""
    noted = "import time; from panel.journal.models import JournalState as S\n"
    noted += "while not S.objects.exists(): time.sleep(0.1)\n"
    noted += "open(r'{0}/told', 'w').write(S.objects.get().seen_at.isoformat())"
    with started(folder, noted, module=module) as run:
        run.wait_for(folder / "told")
    assert datetime.fromisoformat((folder / "told").read_text()) == datetime(2022, 6, 30, 10, tzinfo=UTC)


def test_the_demo_begins_from_nothing_each_time_but_clears_only_its_own_folder(folder):
    for _ in range(2):
        with started(folder, DONE, module="demo") as run:
            status, said = run.ended()
            assert status == 0, said
    assert (folder / "lives").read_text() == "x"
    foreign = folder.parent / "foreign"
    foreign.mkdir()
    (foreign / "thesis.odt").touch()
    with started(foreign, DONE, module="demo") as run:
        status, said = run.ended()
    assert status == 1
    assert "holds something else than a demo" in said
    assert (foreign / "thesis.odt").exists()
