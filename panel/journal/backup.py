"""Backups of the three databases, apart: a dump of `default` or `vault` holds no key, and keys have one generation.

An old copy of the keystore would open who was erased since, so its dump takes the place of the one before (CRY-07).
Bringing a dump back is an operator's work: docs/operations.md has it step by step.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connections
from django.utils.translation import gettext as _

from panel.errors import BadInput, NotNow, Unreachable

#: Databases whose dumps are kept, by their moment; how long is the operator's to say.
KEPT = ("default", "vault")
ONE_GENERATION = ("keystore",)
PG_DUMP = ("pg_dump", "--format=custom", "--no-owner", "--no-privileges")


def dump(folder: Path, *, aliases: tuple[str, ...], now: datetime) -> list[Path]:
    """A dump of each, in a folder of its own under this one, readable by its owner only."""
    unknown = set(aliases) - set(connections)
    if unknown or not aliases:
        raise BadInput(_("This process knows no database %(names)s.") % {"names": ", ".join(sorted(unknown))})
    return [_dump(folder / alias, alias, now) for alias in aliases]


def _dump(folder: Path, alias: str, now: datetime) -> Path:
    """Written aside and whole before it takes its name: a crash leaves the dump before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = alias if alias in ONE_GENERATION else f"{alias}-{now:%Y%m%dT%H%M%SZ}"
    done, new = folder / f"{name}.dump", folder / f"{name}.new"
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if connections[alias].vendor == "sqlite":
        _copy(alias, new)
    else:
        _pg_dump(alias, new)
    with new.open("rb") as whole:
        os.fsync(whole.fileno())
    return new.replace(done)


def _copy(alias: str, to: Path) -> None:
    connection = connections[alias]
    connection.ensure_connection()
    if connection.in_atomic_block:
        raise NotNow(_("A backup is made outside a transaction only."))
    with closing(sqlite3.connect(to)) as copy:
        connection.connection.backup(copy)


def _pg_dump(alias: str, to: Path) -> None:
    if shutil.which(PG_DUMP[0]) is None:
        raise Unreachable(
            _("There is no pg_dump here. Install PostgreSQL's client programs."), permanent=True
        )
    given: dict[str, Any] = connections[alias].settings_dict
    named = {
        "PGHOST": "HOST",
        "PGPORT": "PORT",
        "PGUSER": "USER",
        "PGPASSWORD": "PASSWORD",
        "PGDATABASE": "NAME",
    }
    login = {variable: str(given[key]) for variable, key in named.items() if given[key]}
    done = subprocess.run(
        [*PG_DUMP, f"--file={to}"], env={**os.environ, **login}, capture_output=True, check=False
    )
    if done.returncode:  # without its words: they can hold a host and a user
        raise Unreachable(
            _("pg_dump failed for the database %(name)s. Run it by hand to see why.") % {"name": alias}
        )
