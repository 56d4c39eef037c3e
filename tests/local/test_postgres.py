"""A throw-away PostgreSQL of our own making."""

import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from config.local import postgres
from config.local.process import LocalError


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch):
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)


def test_a_server_runs_unprivileged_on_a_closed_socket_and_leaves_nothing():
    with postgres.server() as url:
        sockets = Path(unquote(urlsplit(url).netloc.partition("@")[2]))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        with psycopg.connect(url) as connection:
            ((version, addresses, folder, lowered),) = connection.execute(
                "SELECT current_setting('server_version_num'), current_setting('listen_addresses'),"
                " current_setting('data_directory'), lower('ÅSÆТЄ')"
            ).fetchall()
        assert int(version) >= 150000
        assert addresses == ""
        assert lowered == "åsæтє"
        assert os.geteuid() != 0 or Path(folder).stat().st_uid == postgres.NOBODY
    assert not Path(folder).exists()
    assert not sockets.exists()


def test_a_given_server_is_used_and_nothing_started(monkeypatch):
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://db.example.org/")
    with postgres.server() as url:
        assert url == "postgres://db.example.org/"


def test_without_the_wheel_the_refusal_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalError, match="TEST_DATABASE_URL"):
        postgres.installation(tmp_path)


def test_a_server_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "FAST", ("no_such_option=1",))
    with pytest.raises(LocalError, match="no_such_option"), postgres.server():
        pytest.fail("it started")
