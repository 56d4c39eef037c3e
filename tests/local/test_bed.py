"""The bed the tests lie in holds what it promises: databases, network, keys, real servers."""

import os
import smtplib
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections

from config.celery import app
from tests import triggers
from tests.settings import ALIASES, TEST_DB


def test_no_connection_leaves_this_machine():
    with socket.socket() as sock, pytest.raises(AssertionError, match="no network"):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(AssertionError, match="no name server"):
        smtplib.SMTP("panel.example.org", timeout=1)


def test_a_warning_fails_the_test():
    with pytest.raises(UserWarning, match="careful"):
        warnings.warn("careful", stacklevel=1)


def test_secrets_are_the_runs_own_and_the_local_installation_is_not_read():
    assert Path(os.environ["GJENSYN_ENV_FILE"]).exists() is False
    assert settings.SERVICE_KEY
    assert Path(settings.KEK_FILE).stat().st_mode & 0o077 == 0


@pytest.mark.django_db
def test_a_database_test_has_all_three_databases_of_the_kind_asked_for():
    vendor = {"sqlite": "sqlite", "postgres": "postgresql"}[TEST_DB]
    for alias in ALIASES:
        assert connections[alias].vendor == vendor
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_migrations")
            assert cursor.fetchone()[0] > 0
    assert len({str(connections[alias].settings_dict["NAME"]) for alias in ALIASES}) == 3


KEPT = {
    "sqlite": ["CREATE TRIGGER bed_kept BEFORE DELETE ON bed BEGIN SELECT RAISE(ABORT, 'kept'); END"],
    "postgres": [
        "CREATE FUNCTION bed_keep() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'kept'; END $$",
        "CREATE TRIGGER bed_kept BEFORE DELETE ON bed FOR EACH ROW EXECUTE FUNCTION bed_keep()",
    ],
}


def delete() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("INSERT INTO bed VALUES (1)")
        cursor.execute("DELETE FROM bed")


@pytest.mark.django_db(transaction=True)
def test_triggers_are_lifted_within_the_block_and_stand_after_it():
    triggers.run(connections["default"], ["CREATE TABLE bed (x int)", *KEPT[TEST_DB]])
    try:
        with pytest.raises(DatabaseError, match="kept"):
            delete()
        with triggers.lifted([connections["default"]]):
            delete()
        with pytest.raises(DatabaseError, match="kept"):
            delete()
    finally:
        triggers.run(connections["default"], ["DROP TABLE bed"])
        if TEST_DB == "postgres":
            triggers.run(connections["default"], ["DROP FUNCTION bed_keep"])


def test_the_mail_catcher_is_where_the_settings_send(mail_catcher):
    with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\nhello")
    assert [letter["Subject"] for letter in mail_catcher.letters()] == ["x"]


@pytest.mark.django_db(transaction=True)
def test_another_process_sees_what_this_test_wrote(service_env, mail_catcher):
    get_user_model().objects.create_user("signe")
    code = (
        "import django; django.setup(); from django.conf import settings;"
        "from django.contrib.auth import get_user_model as m;"
        "print(*m().objects.values_list('username', flat=True), settings.EMAIL_PORT)"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=service_env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["signe", str(mail_catcher.port)], done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_answers_over_the_real_broker(celery_worker_process):
    celery_worker_process()
    assert app.control.inspect(timeout=30, limit=1).ping()
