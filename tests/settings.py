"""Settings of the tests: the product's own; databases, keys and sockets of this run lie in a temporary place.

TEST_DB=sqlite (default) or postgres chooses the database; tests/conftest.py starts and stops the servers. No
secret stands here: each run makes its own.
"""

import base64
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from config.local import postgres

TEST_DB = os.environ.get("TEST_DB", "sqlite")
if TEST_DB not in {"sqlite", "postgres"}:
    raise SystemExit(f"TEST_DB is {TEST_DB!r}; it is sqlite or postgres.")

if "TEST_RUN_DIR" not in os.environ:  # the first process of the run; xdist's workers inherit all that follows
    # Only a name: conftest.py makes the folder and removes it. Type checks and documents read these settings too.
    os.environ["TEST_RUN_DIR"] = f"/tmp/gj-test-{secrets.token_hex(6)}"
    os.environ["TEST_SERVICE_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    os.environ["TEST_SECRET_KEY"] = secrets.token_urlsafe(60)

RUN_DIR = Path(os.environ["TEST_RUN_DIR"])
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
PG_SOCKETS = RUN_DIR / "pg"
REDIS_SOCKET = RUN_DIR / f"redis-{WORKER}.sock"
ALIASES = {"default": "DATABASE_URL", "vault": "VAULT_DATABASE_URL", "keystore": "KEYSTORE_DATABASE_URL"}
POSTGRES_URL = os.environ.get("TEST_DATABASE_URL") or postgres.url_of(PG_SOCKETS)


def url_of(name: str) -> str:
    """The address of one of the run's databases."""
    if TEST_DB == "sqlite":
        return f"sqlite:///{RUN_DIR}/{name}"
    return urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()


def name_of(alias: str) -> str:
    """A name no other run uses; pytest-django adds the xdist worker's."""
    return f"{alias}.sqlite3" if TEST_DB == "sqlite" else f"{RUN_DIR.name.replace('-', '_')}_{alias}"


os.environ.update(
    {
        "GJENSYN_ENV_FILE": str(RUN_DIR / "no.env"),  # never this checkout's var/local.env
        "DEBUG": "true",
        "PROCESS": "all",
        "SECRET_KEY": os.environ["TEST_SECRET_KEY"],
        "SERVICE_KEY": os.environ["TEST_SERVICE_KEY"],
        "KEK_FILE": str(RUN_DIR / f"kek-{WORKER}.json"),
        "JOURNAL_FILE": str(RUN_DIR / f"journal-{WORKER}" / "journal.jsonl"),
        "AUDIT_ANCHOR_FILE": str(RUN_DIR / f"audit-anchors-{WORKER}.txt"),
        "REDIS_URL": f"unix://{REDIS_SOCKET}?db=0",  # the fixture redis_url starts the server there
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": "9",
        "BASE_URL": "http://testserver",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "CLOCK_FILE": "",
        "BEAT_TICK": "1",
        "RUN_DIR": str(RUN_DIR),
        "LOG_LEVEL": "INFO",
        **{variable: url_of(name_of(alias)) for alias, variable in ALIASES.items()},
    }
)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

for _alias in ALIASES:
    _name = name_of(_alias)
    DATABASES[_alias]["TEST"] = {"NAME": str(RUN_DIR / _name) if TEST_DB == "sqlite" else _name}
    DATABASES[_alias]["CONN_MAX_AGE"] = 0
    if TEST_DB == "postgres":
        DATABASES[_alias]["NAME"] = "postgres"  # the real one is made by the test run

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = RUN_DIR / "static"  # whitenoise warns where there is none
