"""Child processes that leave no orphan: each in a session of its own, each told by the kernel when we die.

What is started stands in redis.py, postgres.py and supervisor.py.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

Started = subprocess.Popen[bytes]
CHILD = Path(__file__).with_name("child.py")


class LocalError(Exception):
    """Something on this machine is not as needed; the text says what, and what to do."""


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: IO[bytes] | int | None = subprocess.DEVNULL,
    death_signal: int = signal.SIGTERM,
    uid: int = 0,
) -> Started:
    """Start `argv`; it gets `death_signal` if this process dies, even by SIGKILL.

    With `log=None` it writes where we write.
    """
    program = (
        shutil.which(str(argv[0])) or argv[0]
    )  # here: as another user Python may not reach its own library
    shell = [sys.executable, "-I", "-S", CHILD, os.getpid(), int(death_signal), uid, program, *argv[1:]]
    return subprocess.Popen(
        [str(word) for word in shell],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=None if log is None else subprocess.STDOUT,
        start_new_session=True,
    )


def send_group(process: Started, signum: int) -> None:
    """Signal the child and all it started."""
    with contextlib.suppress(ProcessLookupError):  # the whole group is gone already
        os.killpg(process.pid, signum)


def stop(*processes: Started, grace: float = 8.0, signum: int = signal.SIGTERM) -> None:
    """Ask all at once, wait up to `grace` seconds for all, then kill whatever is left of their groups."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signum)
    deadline = time.monotonic() + grace
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        send_group(process, signal.SIGKILL)
        process.wait()


def wait_until(ready: Callable[[], bool], *, seconds: float, child: Started) -> bool:
    """Whether `ready` came true in time; gives up at once when the child is no longer alive."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if child.poll() is not None:
            return False
        time.sleep(0.05)
    return False


def free_port() -> int:
    """A port of 127.0.0.1 that nothing uses right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0
