"""One local installation: its folder, its settings file, its ports."""

import os
import socket
import stat
import subprocess
import sys

import pytest
from dotenv import dotenv_values

from config.local.env import ROOT, Place, Ports, prepare, quoted
from config.local.process import LocalError, free_port
from panel.demo import returning
from panel.invitations import mailbox

PORTS = Ports(web=8000, letters=8025, smtp=1025)


def test_everything_is_closed_to_others(tmp_path):
    place = Place(tmp_path / "var")
    prepare(place, PORTS, redis_url="unix:///tmp/x.sock")
    assert stat.S_IMODE(place.env_file.stat().st_mode) == 0o600
    for folder in (place.folder, place.databases, place.keys, place.run, place.logs, place.redis):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_secrets_are_kept_and_the_rest_is_written_anew(tmp_path):
    place = Place(tmp_path / "var")
    first = prepare(place, PORTS, redis_url="unix:///tmp/one.sock")
    second = prepare(place, Ports(web=8001, letters=8026, smtp=1026), redis_url="unix:///tmp/two.sock")
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"REDIS_URL", "EMAIL_PORT", "BASE_URL"}
    assert dotenv_values(place.env_file) == second


def test_two_places_share_no_secret_and_no_file(tmp_path):
    one, other = (prepare(Place(tmp_path / name), PORTS, redis_url="unix:///tmp/x.sock") for name in "ab")
    own = ("SECRET_KEY", "SERVICE_KEY", "KEK_FILE", "DATABASE_URL", "VAULT_DATABASE_URL", "CLOCK_FILE")
    assert all(one[name] != other[name] for name in own)


@pytest.mark.parametrize("value", ["/plain", "/with space", "/o'brien", "/back\\slash", "/a#b", 'q"q'])
def test_any_path_survives_the_file(tmp_path, value):
    file = tmp_path / "x.env"
    file.write_text(f"NAME={quoted(value)}\n")
    assert dotenv_values(file) == {"NAME": value}


def test_the_service_reads_the_file_and_starts(tmp_path):
    place = Place(tmp_path / "my var")
    prepare(place, PORTS, redis_url="unix:///tmp/x.sock?db=0")
    code = (
        "from config import settings as s; from pathlib import Path; "
        "folders = [Path(d['NAME']).parent.parent.name for d in s.DATABASES.values()]; "
        "print(s.DEBUG, s.BASE_URL, s.EMAIL_PORT, *folders)"
    )
    environ = {"PATH": os.environ["PATH"], "GJENSYN_ENV_FILE": str(place.env_file)}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert out.stdout.split(" ", 3) == ["True", "http://127.0.0.1:8000", "1025", "my var my var my var\n"]


def test_the_mailbox_of_returned_letters_is_there_and_found_whatever_the_path(tmp_path, settings):
    place = Place(tmp_path / "my 100 % var")
    values = prepare(place, PORTS, redis_url="unix:///tmp/x.sock")
    returning.deliver(place.returns, b"Subject: back\n\nhello\n")
    settings.BOUNCE_MAILBOX = values["BOUNCE_MAILBOX"]
    with mailbox.configured() as source:
        assert [message.content for message in source.messages(2)] == [b"Subject: back\n\nhello\n"]


def test_a_busy_port_is_named_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LocalError, match=rf"Port {port} is in use.*make run PORT={port + 1}"):
            Ports.chosen({"PORT": str(port)})
        with pytest.raises(LocalError, match=rf"Port {port} is in use.*make run MAIL_PORT={port + 1}"):
            Ports.chosen({"PORT": str(free_port()), "MAIL_PORT": str(port)})


@pytest.mark.parametrize("text", ["http", "80", "70000", "-1"])
def test_what_is_no_usable_port_is_refused(text):
    with pytest.raises(LocalError, match="from 1024 to 65535"):
        Ports.chosen({"PORT": text})


def test_the_two_ports_must_differ():
    port = str(free_port())
    with pytest.raises(LocalError, match="must differ"):
        Ports.chosen({"PORT": port, "MAIL_PORT": port})
