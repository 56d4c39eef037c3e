"""Children are kept running, and none outlives the block."""

import os
import signal
import subprocess
import sys
import time

import pytest

from config.local import process, supervisor
from config.local.env import ROOT
from config.local.process import LocalError
from config.local.supervisor import Child, Supervisor
from tests.local.test_process import gone


def watched(children, tmp_path):
    return Supervisor(children, env=os.environ, cwd=tmp_path, logs=tmp_path)


def test_children_run_inside_the_block_only_with_their_own_env_and_log(tmp_path):
    child = Child("one", ["sh", "-c", "echo hello $WHO; exec sleep 60"], {"WHO": "Signe"})
    with watched([child], tmp_path) as services:
        pid = services.running["one"].pid
        log = tmp_path / "one.log"
        assert process.wait_until(
            lambda: log.read_text() == "hello Signe\n", seconds=30, child=services.running["one"]
        )
    assert gone(pid)


def test_a_child_that_dies_is_started_again(tmp_path):
    with watched([Child("one", ["sleep", "60"])], tmp_path) as services:
        first = services.running["one"]
        first.kill()
        first.wait()
        services.check()
        assert services.running["one"].pid != first.pid
        assert services.running["one"].poll() is None


def test_a_child_that_keeps_dying_ends_it_all_and_its_log_is_named(tmp_path):
    children = [Child("good", ["sleep", "60"]), Child("bad", ["sh", "-c", "echo no such table; exit 3"])]
    with watched(children, tmp_path) as services:
        good = services.running["good"].pid
        with pytest.raises(LocalError, match=r"bad keeps stopping.*bad\.log"):
            services.watch()
    assert gone(good)
    assert (tmp_path / "bad.log").read_text().count("no such table") == supervisor.RESTARTS + 1


def test_one_that_cannot_be_started_stops_those_that_were(tmp_path, monkeypatch):
    started = []
    spawn = process.spawn

    def failing(argv, **how):
        if argv == ["second"]:
            raise OSError("no memory")
        started.append(spawn(argv, **how))
        return started[0]

    monkeypatch.setattr(process, "spawn", failing)
    with (
        pytest.raises(OSError, match="no memory"),
        watched([Child("a", ["sleep", "60"]), Child("b", ["second"])], tmp_path),
    ):
        pytest.fail("it started")
    assert started[0].returncode is not None


def test_the_last_started_stops_first(tmp_path):
    script = "trap 'echo $NAME >> order; exit' TERM; touch $NAME; while :; do sleep 0.05; done"
    children = [Child(name, ["sh", "-c", script], {"NAME": name}) for name in ("mail", "web", "worker")]
    with watched(children, tmp_path) as services:
        for name in ("mail", "web", "worker"):
            assert process.wait_until((tmp_path / name).exists, seconds=30, child=services.running[name])
    assert (tmp_path / "order").read_text().split() == ["worker", "web", "mail"]


def test_watch_gives_back_the_exit_status_of_the_one_waited_for(tmp_path):
    with watched([Child("one", ["sleep", "60"])], tmp_path) as services:
        assert services.watch(until=process.spawn(["sh", "-c", "exit 7"])) == 7


def test_a_port_nobody_answers_is_said(tmp_path):
    port = process.free_port()
    services = watched([Child("one", ["sleep", "60"])], tmp_path)
    with services, pytest.raises(LocalError, match=f"Nothing answers on port {port}"):
        services.wait_for_port(port, seconds=0.3)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_however_the_supervisor_ends(tmp_path, signum):
    script = """if True:
    import os, sys
    from pathlib import Path
    from config.local.services import stopped_by_signals
    from config.local.supervisor import Child, Supervisor
    here = Path(sys.argv[1])
    both = [Child(name, ["sleep", "60"]) for name in "ab"]
    with stopped_by_signals(), Supervisor(both, env=os.environ, cwd=here, logs=here) as s:
        print(*[p.pid for p in s.running.values()], flush=True)
        s.watch()
    """
    argv = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        began = time.monotonic()
        parent.send_signal(signum)
        parent.wait(30)
    assert all(gone(pid) for pid in children)
    assert time.monotonic() - began < 30
