"""No Docker engine was at hand for docker/: all in it is held against what it must agree with."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from django.conf import settings
from django.core.management import call_command

from config import schedule
from config.local.env import ALIASES
from panel.invitations.rules import CHECK_HOLDS
from panel.vault import sql_roles

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
PROCESSES = ("portal", "desk", "worker", "beat", "migrate")
WITH_KEK = {"desk", "worker", "migrate"}
#: Read by boto3 itself.
OF_LIBRARIES = {Session.SESSION_VARIABLES["credentials_file"][1]}
#: What an operator may set beside compose: to whom it is handed on, and what the settings make of it.
HANDED_ON = {
    "TRUSTED_PROXIES": ({"desk"}, "2", "ALLAUTH_TRUSTED_PROXY_COUNT", 2),
    "STAFF_IDLE_MINUTES": ({"desk"}, "15", "STAFF_IDLE_MINUTES", 15),
    "OIDC_NAME": ({"desk"}, "Institute", "OIDC_NAME", "Institute"),
    "AUDIT_ANCHOR_MAIL": ({"worker"}, "true", "AUDIT_ANCHOR_MAIL", True),
    "EMAIL_FROM": ({"worker"}, "panel@example.org", "DEFAULT_FROM_EMAIL", "panel@example.org"),
    "BOUNCE_ADDRESS": ({"worker"}, "bounces@panel.example.org", "BOUNCE_ADDRESS", "bounces@panel.example.org"),
    "BOUNCE_MAILBOX": ({"worker"}, "maildir:/mail", "BOUNCE_MAILBOX", "maildir:/mail"),
    "MAIL_CHUNK": ({"worker"}, "50", "MAIL_CHUNK", 50),
    "MAIL_PER_SECOND": ({"worker"}, "20", "MAIL_PER_SECOND", 20),
    "MAIL_PER_DOMAIN_PER_MINUTE": ({"worker"}, "60", "MAIL_PER_DOMAIN_PER_MINUTE", 60),
    "MAIL_PER_DAY": ({"worker"}, "5000", "MAIL_PER_DAY", 5000),
    "MAIL_PROVIDER": ({"portal", "worker"}, "postmark", "MAIL_PROVIDER", "postmark"),
    "PROCESSORS": ({"worker"}, '[{"name": "N", "what": "mail", "where": "Norway"}]', "PROCESSORS", [
        {"name": "N", "what": "mail", "where": "Norway"}
    ]),
    "KEK_TRANSIT_MOUNT": (WITH_KEK, "keys", "KEK_TRANSIT_MOUNT", "keys"),
    "KEK_TRANSIT_NAMESPACE": (WITH_KEK, "panel", "KEK_TRANSIT_NAMESPACE", "panel"),
    "KEK_TRANSIT_CA_FILE": (WITH_KEK, "/agent/ca.pem", "KEK_TRANSIT_CA_FILE", "/agent/ca.pem"),
}  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text()))


def test_a_worker_that_is_told_to_end_may_end_what_it_has_in_hand(compose):
    """Docker kills after ten seconds unless told otherwise, in the middle of a chunk of letters."""
    minutes = int(compose["services"]["worker"]["stop_grace_period"].removesuffix("m"))
    assert timedelta(minutes=minutes) > CHECK_HOLDS + timedelta(seconds=settings.EMAIL_TIMEOUT)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("docker") / "secrets"
    subprocess.run([DOCKER / "make-secrets", folder], check=True)
    return folder


def environment(compose: dict[str, Any], name: str, secrets: Path, **more: str) -> dict[str, str]:
    """What compose gives to a service, with its ${…} and its files filled in as an operator would."""
    given = {"BASE_URL": "https://panel.example.org", **more}
    out = {}
    for variable, value in compose["services"][name]["environment"].items():
        filled = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda m: given.get(m[1], m[2] or ""), str(value))
        out[variable] = filled.replace("/run/secrets", str(secrets)).replace("/keys/", f"{secrets.parent}/")
    return out


def settings_of(
    process: str, environ: dict[str, str], say: str = "print(s.PROCESS, s.DEBUG)"
) -> subprocess.CompletedProcess[str]:
    """Start the settings as that process would, and nothing else."""
    code = f"import django; from django.conf import settings as s; django.setup(); {say}"
    fixed = {"PATH": os.environ["PATH"], "PROCESS": process, "DJANGO_SETTINGS_MODULE": "config.settings"}
    environ = {**fixed, "GJENSYN_ENV_FILE": "/nowhere", **environ}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


# --- compose.yaml against the settings


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_starts_on_what_compose_gives_it_with_debug_off(compose, secrets, process):
    result = settings_of(process, environment(compose, process, secrets))
    assert result.stdout.split() == [process, "False"], result.stderr[-600:]


@pytest.mark.parametrize("process", PROCESSES)
def test_each_variable_is_one_that_the_settings_read(compose, secrets, process):
    """Nothing is passed that no setting reads."""
    text = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r"""(?:env\.\w+|required|database)\(\s*"([A-Z_]+)\"""", text))
    for variable in environment(compose, process, secrets).keys() - OF_LIBRARIES:
        name = variable if variable in read else variable.removesuffix("_FILE")
        assert name in read, f"compose.yaml gives {variable} to {process}, and no setting reads it"


@pytest.mark.parametrize("process", ["desk", "worker", "migrate"])
def test_what_an_operator_sets_beside_compose_reaches_the_settings(compose, secrets, process):
    """By its own name, in the processes that need it and in no other."""
    mine = {name: row for name, row in HANDED_ON.items() if process in row[0]}
    assert not (HANDED_ON.keys() - mine.keys()) & compose["services"][process]["environment"].keys()
    (secrets / "oidc_client_secret").chmod(0o600)
    (secrets / "oidc_client_secret").write_text("given by the institution")
    oidc = {"OIDC_ISSUER": "https://auth.example.org", "OIDC_CLIENT_ID": "panel"}
    given = environment(compose, process, secrets, **oidc, **{name: row[1] for name, row in mine.items()})
    wanted = {row[2]: row[3] for row in mine.values()}
    say = f"print(__import__('json').dumps({{one: getattr(s, one) for one in {sorted(wanted)}}}))"
    result = settings_of(process, given, say)
    assert json.loads(result.stdout or "null") == wanted, result.stderr[-600:]


def test_behind_the_proxy_and_with_nothing_set_the_defaults_hold(compose, secrets):
    say = "print(s.ALLAUTH_TRUSTED_PROXY_COUNT, s.STAFF_IDLE_MINUTES, s.OIDC_ISSUER == '')"
    assert settings_of("desk", environment(compose, "desk", secrets), say).stdout.split() == [
        "1",
        "30",
        "True",
    ]
    say = "print(s.DEFAULT_FROM_EMAIL, s.PROCESSORS, s.AUDIT_ANCHOR_MAIL, s.KEK_TRANSIT_MOUNT)"
    got = settings_of("worker", environment(compose, "worker", secrets), say).stdout.split()
    assert got == ["post@panel.example.org", "[]", "False", "transit"]


def test_aws_credentials_are_a_secret_of_who_opens_cards_alone(compose):
    """CRY-05: whoever has them can have keys opened."""
    for process in PROCESSES:
        service = compose["services"][process]
        assert ("aws_credentials" in service["secrets"]) == (process in WITH_KEK)
        assert bool(OF_LIBRARIES & service["environment"].keys()) == (process in WITH_KEK)


@pytest.mark.parametrize("process", PROCESSES)
def test_required_settings_are_missed_when_compose_forgets_them(compose, secrets, process):
    full = environment(compose, process, secrets)
    for variable in ("DATABASE_URL_FILE", "SERVICE_KEY_FILE", "SECRET_KEY_FILE", "REDIS_URL", "BASE_URL"):
        result = settings_of(process, {k: v for k, v in full.items() if k != variable})
        assert "ImproperlyConfigured" in result.stderr
        assert variable.removesuffix("_FILE") in result.stderr


def test_the_key_that_opens_cards_is_where_cards_are_opened_and_nowhere_else(compose):
    """ZON-01: portal and beat have neither the file's name nor its volume; the worker, which rotates, may write."""
    mounted = {"desk": ["keys:/keys:ro"], "worker": ["keys:/keys"], "migrate": ["keys:/keys"]}
    for process in PROCESSES:
        service = compose["services"][process]
        assert ("KEK_FILE" in service["environment"]) == (process in WITH_KEK)
        volumes = [volume for volume in service.get("volumes", []) if volume.startswith("keys:")]
        assert volumes == mounted.get(process, [])


def test_the_journal_is_written_by_the_worker_and_read_by_the_desk(compose):
    """CRY-11: on a volume of its own, beside none of the databases."""
    volumes = {
        process: [v for v in compose["services"][process].get("volumes", []) if v.startswith("journal:")]
        for process in PROCESSES
    }
    assert {process: found for process, found in volumes.items() if found} == {
        "desk": ["journal:/journal:ro"],
        "worker": ["journal:/journal"],
    }


@pytest.mark.parametrize(
    ("provider", "needed"), [("transit", "KEK_TRANSIT_TOKEN_FILE"), ("kms", "KEK_KMS_REGION")]
)
def test_an_outside_provider_of_the_kek_is_passed_on_or_missed(compose, secrets, provider, needed):
    """CRY-05: what an operator sets beside compose reaches the processes that open cards."""
    given = {
        "KEK_PROVIDER": provider,
        "KEK_TRANSIT_URL": "https://bao.example.org:8200",
        "KEK_TRANSIT_KEY": "gjensyn",
        "KEK_TRANSIT_TOKEN_FILE": "/agent/token",
        "KEK_KMS_KEY": "alias/gjensyn",
        "KEK_KMS_REGION": "eu-north-1",
    }
    for process in sorted(WITH_KEK):
        environ = {**environment(compose, process, secrets), **given}
        assert set(given) <= set(compose["services"][process]["environment"])
        assert settings_of(process, environ).stdout.split() == [process, "False"]
        assert f"{needed} is not set" in settings_of(process, {**environ, needed: ""}).stderr


def test_only_who_opens_cards_knows_where_they_are(compose, secrets):
    """ZON-01: no name, no secret and no setting of vault or keystore in portal and beat."""
    for process in PROCESSES:
        service, given = compose["services"][process], environment(compose, process, secrets)
        zones = [
            name for name in (*given, *service["secrets"]) if re.search("vault|keystore", name, re.IGNORECASE)
        ]
        assert bool(zones) == (process in WITH_KEK)


def test_every_process_of_the_settings_has_a_service_and_a_branch_in_the_entrypoint(compose):
    text = (ROOT / "config" / "settings.py").read_text()
    (known,) = re.findall(r"PROCESS not in \{([^}]*all[^}]*)\}", text)
    names = set(re.findall(r'"(\w+)"', known)) - {"all"}
    commands = {
        c[0] for s in compose["services"].values() if (c := s.get("command")) and s["image"] == "gjensyn"
    }
    assert names == set(PROCESSES) == commands


def test_no_service_is_more_open_than_it_must_be(compose):
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert not service.get("privileged")
        if service["image"] == "gjensyn":
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
        else:
            assert service["networks"] == ["inside"], name
            assert re.search(r":\d+\.\d+(\.\d+)?-", service["image"]), f"{name}: pin a version"
    assert compose["networks"]["inside"] == {"internal": True}


def test_secrets_are_files_that_make_secrets_makes_once(compose, secrets):
    """No secret stands in compose.yaml; each one it names is made; a second call changes none."""
    made = {path.name: path.read_text() for path in secrets.iterdir()}
    named = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert set(made) == named == set(compose["secrets"])
    subprocess.run([DOCKER / "make-secrets", secrets], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == made
    assert secrets.stat().st_mode & 0o077 == 0
    for service in compose["services"].values():
        used = {Path(v).name for k, v in service.get("environment", {}).items() if "/run/secrets/" in str(v)}
        assert used <= set(service.get("secrets", []))


# --- entrypoint.sh against the schedule and the programs it calls


def entrypoint(tmp_path: Path, *words: str) -> tuple[int, list[str], str]:
    """Run the entrypoint with programs that only say how they were called."""
    for name in ("gunicorn", "celery", "python"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $* [$PROCESS]"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [DOCKER / "entrypoint.sh", *words],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("words", [(), ("all",), ("bash",), ("portal;true",)])
def test_the_entrypoint_refuses_what_is_no_process(tmp_path, words):
    status, lines, error = entrypoint(tmp_path, *words)
    assert (status, lines) == (2, [])
    assert "portal, desk, worker, beat or migrate" in error


@pytest.mark.parametrize("process", PROCESSES)
def test_the_entrypoint_names_the_process_to_the_settings(tmp_path, process):
    status, lines, _ = entrypoint(tmp_path, process)
    assert status == 0
    assert all(line.endswith(f"[{process}]") for line in lines)


def test_the_worker_takes_every_queue_there_is(tmp_path):
    ((_, (line,), _),) = [entrypoint(tmp_path, "worker")]
    queues = re.search(r"--queues (\S+)", line)
    assert queues
    assert set(queues[1].split(",")) == {queue.name for queue in schedule.QUEUES}


def test_migrate_brings_up_every_database_then_makes_the_keys(tmp_path):
    _, lines, _ = entrypoint(tmp_path, "migrate")
    expected = [f"python manage.py migrate --no-input --database {alias} [migrate]" for alias in ALIASES]
    then = ("sql-roles --grant", "keys init", "intake_key ensure")
    assert lines == [*expected, *(f"python manage.py {words} [migrate]" for words in then)]


def test_the_web_servers_words_are_understood_and_keep_no_access_log(tmp_path, compose, secrets):
    """NEV-02; gunicorn itself judges its options and loads the application."""
    for process in ("portal", "desk"):
        _, (line,), _ = entrypoint(tmp_path, process)
        words = line.removesuffix(f" [{process}]").split()[1:]
        assert not [word for word in words if "access" in word]
        environ = {"PATH": os.environ["PATH"], "PROCESS": process, "GJENSYN_ENV_FILE": "/nowhere"}
        subprocess.run(
            [sys.executable, "-m", "gunicorn", "--check-config", *words],
            cwd=ROOT,
            env={**environ, **environment(compose, process, secrets)},
            check=True,
        )


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_celery_understands_its_words(tmp_path, compose, secrets, process):
    _, (line,), _ = entrypoint(tmp_path, process)
    words = line.removesuffix(f" [{process}]").split()[1:]
    environ = {"PATH": os.environ["PATH"], "PROCESS": process, "GJENSYN_ENV_FILE": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "celery", *words, "--help"],
        cwd=ROOT,
        env={**environ, **environment(compose, process, secrets)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    options = set(re.findall(r"--[a-z]+", done.stdout))
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


# --- the image


def test_the_image_runs_as_nobody_special_from_pinned_and_hashed_parts():
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    image = next(line for line in lines if line.startswith("ARG PYTHON_IMAGE="))
    assert re.fullmatch(r"ARG PYTHON_IMAGE=python:3\.12\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", image)
    assert [line for line in lines if line.startswith("USER ")] == ["USER gjensyn"]
    installs = [line for line in lines if "pip install" in line]
    assert installs == ['RUN pip install --require-hashes -r "${REQUIREMENTS}"']
    assert "ARG REQUIREMENTS=requirements.txt" in lines


def test_the_image_holds_what_it_copies_and_only_what_the_ignore_file_lets_through():
    sources = re.findall(r"^COPY (\S+) ", (DOCKER / "Dockerfile").read_text(), re.M)
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert set(sources) == allowed
    assert all((ROOT / source).exists() for source in sources)
    assert os.access(DOCKER / "entrypoint.sh", os.X_OK)


# --- initdb


def test_initdb_is_what_the_command_prints(capsys):
    """What the roles may do is tried on a real server in tests/vault/test_sql_roles.py."""
    call_command("sql_roles", part="roles")
    assert (DOCKER / "initdb" / "databases.sql").read_text() == capsys.readouterr().out


def test_the_addresses_lead_to_the_databases_that_initdb_makes(secrets):
    for zone, logins in sql_roles.LOGINS.items():
        for login in logins:
            name = f"{zone}_{login}"
            password = (secrets / f"{name}_password").read_text()
            assert len(password) == 48
            expected = f"postgres://gjensyn_{name}:{password}@postgres:5432/gjensyn_{zone}"
            assert (secrets / f"{name}_url").read_text() == expected


def test_zon_01_each_process_has_its_own_login_and_the_owners_is_the_migrations(compose):
    for process in PROCESSES:
        login = "owner" if process == "migrate" else process
        urls = {name for name in compose["services"][process]["secrets"] if name.endswith("_url")}
        assert urls == {f"{zone}_{login}_url" for zone, logins in sql_roles.LOGINS.items() if login in logins}
    passwords = {name for name in compose["services"]["postgres"]["secrets"]}
    wanted = {f"{zone}_{login}_password" for zone, logins in sql_roles.LOGINS.items() for login in logins}
    assert passwords == wanted | {"postgres_password"}
