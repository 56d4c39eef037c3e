"""Children that leave no orphan."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.local import process

ROOT = Path(__file__).parent.parent.parent


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_a_child_dies_when_its_parent_is_killed_hard():
    code = "from config.local import process; print(process.spawn(['sleep', '60']).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    assert gone(child)


def test_stop_ends_the_child_and_all_it_started(tmp_path):
    noted = tmp_path / "pid"
    child = process.spawn(["sh", "-c", f"sleep 60 & echo $! > {noted}; wait"])
    assert process.wait_until(lambda: noted.exists() and bool(noted.read_text()), seconds=30, child=child)
    process.stop(child)
    assert child.returncode == -signal.SIGTERM
    assert gone(int(noted.read_text()))


def test_stop_kills_what_does_not_listen(tmp_path):
    mark = tmp_path / "ready"
    child = process.spawn(["sh", "-c", f"trap '' TERM; touch {mark}; while :; do sleep 1; done"])
    assert process.wait_until(mark.exists, seconds=30, child=child)
    began = time.monotonic()
    process.stop(child, grace=0.5)
    assert child.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 7, "it waited longer than it was told"


def test_waiting_for_a_dead_child_ends_at_once():
    child = process.spawn(["false"])
    began = time.monotonic()
    assert not process.wait_until(lambda: False, seconds=30, child=child)
    assert time.monotonic() - began < 15


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_child_can_run_as_another_user(tmp_path):
    out = tmp_path / "out"
    with out.open("wb") as log:
        assert process.spawn(["id", "-u"], log=log, uid=65534).wait(10) == 0
    assert out.read_text().strip() == "65534"


def test_a_port_in_use_is_seen():

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not process.port_is_free(port)
        assert process.answers(port)
    assert process.port_is_free(port)
