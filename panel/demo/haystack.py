"""All that an installation keeps, as named bytes: tables, sessions, the broker's and cache's keys, files.

Reads only. What is looked for in it is canary.py's affair; which files are the outside world's is the caller's.
"""

import json
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from django.contrib.sessions.models import Session
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from redis import Redis

Hay = Iterator[tuple[str, bytes]]


def tables() -> Hay:
    """Each table of each database, whoever owns it; sessions also as they read, for they may be packed."""
    for alias in connections:
        yield from ((f"{alias}.{table}", data) for table, data in _tables(alias))
    for session in Session.objects.all():
        yield "session, unpacked", _raw(session.get_decoded())


def broker(url: str) -> Hay:
    """Each key of a Redis: what waits, what a worker has taken, the cache."""
    with Redis.from_url(url) as redis:
        for name in redis.keys("*"):
            yield f"redis {name!r}", name + b"\n" + _value(redis, name)


def files(root: Path, *, leave_out: Collection[str] = ()) -> Hay:
    """Each file below `root`, its name included, but those whose first part is in `leave_out`."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] not in leave_out:
            yield str(inside), str(inside).encode() + b"\n" + content(path)


def content(path: Path) -> bytes:
    """A file's bytes. A child process reads SQLite's: closing one here would drop this process's own locks on it,
    and whoever writes beside us would damage it.
    """
    ours = [str(connections[alias].settings_dict["NAME"]) for alias in connections]
    if any(str(path).startswith(name) for name in ours):
        return subprocess.run(["/bin/cat", path], capture_output=True, check=True).stdout
    return path.read_bytes()


def _tables(alias: str) -> Hay:
    connection = connections[alias]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - its own table names
            yield table, b"\n".join(_raw(value) for row in cursor for value in row)


def _raw(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    text = value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder)
    return text.encode()


def _value(redis: Any, name: bytes) -> bytes:
    """A key's content as bytes, whatever its type."""
    readers: dict[bytes, Callable[[], Iterable[bytes]]] = {
        b"none": lambda: (),  # what ran out, or was taken, since it was listed
        b"string": lambda: [redis.get(name) or b""],
        b"list": lambda: redis.lrange(name, 0, -1),
        b"set": lambda: redis.smembers(name),
        b"zset": lambda: redis.zrange(name, 0, -1),
        b"hash": lambda: chain.from_iterable(redis.hgetall(name).items()),
    }
    return b"\n".join(readers[redis.type(name)]())
