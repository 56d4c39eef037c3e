"""One local installation: a closed folder with databases, keys, mail and logs, and the settings for it.

Secrets are made at the first run and kept; paths and addresses are written anew each time, so that a checkout
can be moved. Nothing here is read by the service: config/settings.py reads the file this writes.
"""

import base64
import mailbox
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

from config.local import process
from config.local.process import LocalError

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASES = {"DATABASE_URL": "default", "VAULT_DATABASE_URL": "vault", "KEYSTORE_DATABASE_URL": "keystore"}
ALIASES = tuple(DATABASES.values())


@dataclass(frozen=True)
class Place:
    """The folder and what lies where in it."""

    folder: Path

    @property
    def env_file(self) -> Path:
        return self.folder / "local.env"

    @property
    def databases(self) -> Path:
        return self.folder / "db"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def journal(self) -> Path:
        """Apart from the databases, as a real installation keeps it."""
        return self.folder / "journal"

    @property
    def mail(self) -> Path:
        """The catcher's Maildir."""
        return self.folder / "mail"

    @property
    def returns(self) -> Path:
        """The Maildir of returned letters, which the service reads."""
        return self.folder / "returns"

    @property
    def refused(self) -> Path:
        """Recipients the catcher refuses, one a line."""
        return self.folder / "refused.txt"

    @property
    def redis(self) -> Path:
        return self.folder / "redis"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def clock(self) -> Path:
        """Holds the example study's own time; where it is missing, time is real."""
        return self.run / "clock"

    @property
    def logins(self) -> Path:
        """Written by the example study: the log-ins of its staff."""
        return self.folder / "logins.txt"

    def make(self) -> None:
        """The folders, closed to others."""
        for folder in (self.folder, self.databases, self.keys, self.journal, self.redis, self.run, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        mailbox.Maildir(self.returns, create=True)


@dataclass(frozen=True)
class Ports:
    """Where the local servers listen, all on 127.0.0.1."""

    web: int
    letters: int
    smtp: int

    @classmethod
    def free(cls) -> "Ports":
        return cls(*(process.free_port() for _ in range(3)))

    @classmethod
    def chosen(cls, environ: Mapping[str, str]) -> "Ports":
        """PORT and MAIL_PORT, by default 8000 and 8025; a busy one is refused with a sentence."""
        web, letters = (
            _chosen(environ, name, usual) for name, usual in (("PORT", 8000), ("MAIL_PORT", 8025))
        )
        if web == letters:
            raise LocalError(f"PORT and MAIL_PORT are both {web}: they must differ.")
        return cls(web=web, letters=letters, smtp=process.free_port())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    @property
    def letters_url(self) -> str:
        return f"http://127.0.0.1:{self.letters}"


def _chosen(environ: Mapping[str, str], name: str, usual: int) -> int:
    text = environ.get(name, "") or str(usual)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalError(f"{name} is {text!r}; give a number from 1024 to 65535.")
    if not process.port_is_free(int(text)):
        other = f"make run {name}={int(text) + 1}"
        raise LocalError(f"Port {text} is in use. Stop what uses it, or choose another: {other}")
    return int(text)


def _secrets(place: Place) -> dict[str, str]:
    """This installation's secrets: those of its file, else new ones."""
    kept = dotenv_values(place.env_file) if place.env_file.exists() else {}
    return {
        "SECRET_KEY": kept.get("SECRET_KEY") or secrets.token_urlsafe(60),
        "SERVICE_KEY": kept.get("SERVICE_KEY") or base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def prepare(place: Place, ports: Ports, *, redis_url: str) -> dict[str, str]:
    """Make the folder and its settings file; return the settings."""
    place.make()
    values = {
        "DEBUG": "true",
        **_secrets(place),
        "KEK_FILE": str(place.keys / "kek.json"),
        "JOURNAL_FILE": str(place.journal / "journal.jsonl"),
        "AUDIT_ANCHOR_FILE": str(place.journal / "audit-anchors.txt"),
        **{
            name: f"sqlite:///{quote(str(place.databases / file))}.sqlite3"
            for name, file in DATABASES.items()
        },
        "REDIS_URL": redis_url,
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(ports.smtp),
        "BOUNCE_ADDRESS": "returns@localhost.example.org",
        "BOUNCE_MAILBOX": f"maildir:{quote(str(place.returns))}",
        "BASE_URL": ports.base_url,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "CLOCK_FILE": str(place.clock),
    }
    write(place.env_file, values)
    return values


def write(path: Path, values: Mapping[str, str]) -> None:
    """All settings at once, in a file only its owner can read; a crash leaves the old file whole."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write("# Made by `make setup`; secrets are kept, all else is written anew at each start.\n")
        out.writelines(f"{name}={quoted(value)}\n" for name, value in values.items())
    new.replace(path)


def quoted(value: str) -> str:
    """A value as dotenv reads it back, whatever the path to the checkout holds."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> None:
    """`make setup`: the settings file, so that manage.py works; nothing is started."""
    place = Place(ROOT / "var")
    kept = dotenv_values(place.env_file) if place.env_file.exists() else {}
    redis_url = kept.get("REDIS_URL") or f"unix://{place.run}/redis.sock?db=0"
    prepare(
        place, Ports(web=8000, letters=8025, smtp=int(kept.get("EMAIL_PORT") or 1025)), redis_url=redis_url
    )
    sys.stdout.write(f"Settings are in {place.env_file}. `make run` starts the service.\n")


if __name__ == "__main__":
    main()
