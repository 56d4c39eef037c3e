"""The SQL of the three zones' roles and what each may do (ZON-01). Pure: text from tables, for PostgreSQL.

Each process has a login of its own in each database it may reach, and none in the others. The owner's is the
migration's alone: whoever answers, sends or looks owns no table, so can't alter one or lift a trigger.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from django.apps import apps
from django.db import router

OWNER = "owner"
#: The processes that reach each database. The owner's login is the migration's.
LOGINS: Mapping[str, tuple[str, ...]] = {
    "default": (OWNER, "portal", "desk", "worker", "beat"),
    "vault": (OWNER, "desk", "worker"),
    "keystore": (OWNER, "desk", "worker"),
}
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
READ = ("SELECT",)
#: What their triggers refuse nobody but the owner is even allowed to try.
APPEND_ONLY = frozenset(
    {
        "audit_auditevent",
        "audit_auditseal",
        "consent_consententry",
        "journal_journalentry",
        "journal_journalline",
    }
)
#: What the portal (respondents' pages and the API) may do besides reading and writing answers: by table, else app.
PORTAL: Mapping[str, tuple[str, ...]] = {
    "rights_givenaddress": ("SELECT", "INSERT"),
    "enrolment_intakekey": ("SELECT", "UPDATE (made_on)"),  # no row changes: it is locked while it is used
    "enrolment_newaddress": ("SELECT", "INSERT", "DELETE"),
    "enrolment_stagedfile": (),
    "members_panelmember": ("SELECT", "UPDATE"),
    **dict.fromkeys(("invitations_lostcontact", "invitations_lostcontactstep", "invitations_replycase"), ()),
    "auth": READ,
    "contenttypes": READ,
    "consent": READ,
    "enrolment": READ,
    "instruments": READ,
    "members": READ,
    "journal": READ,
    **dict.fromkeys(("account", "admin", "mfa", "sessions", "socialaccount", "staff"), ()),
}
#: Where the passwords lie, one file each, while the roles are made.
FOLDER = "${PASSWORDS:-/run/secrets}"
PREFIX = re.compile(r"[a-z][a-z0-9_]{0,30}")


def role(prefix: str, zone: str, process: str) -> str:
    """The login of a process in a database."""
    return f"{prefix}_{zone}_{process}"


def roles_sql(prefix: str) -> str:
    """Roles and databases, for psql as a superuser; may run again. Passwords are read from files, never printed."""
    lines = [
        "-- Three databases, each with logins of its own that reach no other (ZON-01).",
        "-- Made by `manage.py sql-roles --part roles`; for psql, as a superuser. Passwords come from files.",
    ]
    for zone, processes in LOGINS.items():
        lines += ["", f"-- {zone}"]
        for process in processes:
            lines += _login(prefix, zone, process)
        name, owner = f"{prefix}_{zone}", role(prefix, zone, OWNER)
        lines += [
            _unless_there(
                "pg_database WHERE datname", name, f"OWNER {owner} ENCODING ''UTF8'' TEMPLATE template0"
            ),
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;",
            f"GRANT CONNECT ON DATABASE {name} TO {_names(prefix, zone)};",
        ]
    return "\n".join(lines) + "\n"


def grants_sql(prefix: str, zone: str) -> list[str]:
    """What each login may do in one database, to be run there by its owner after each migration."""
    names = _names(prefix, zone)
    statements = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {names}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {names}",
    ]
    for process in LOGINS[zone]:
        if process == OWNER:
            continue
        by_verbs: dict[tuple[str, ...], list[str]] = {}
        for table, app in tables(zone):
            by_verbs.setdefault(allowed(process, table, app), []).append(table)
        for verbs, of_these in by_verbs.items():
            if verbs:
                found = ", ".join(f'"{table}"' for table in of_these)
                statements.append(
                    f"GRANT {', '.join(verbs)} ON TABLE {found} TO {role(prefix, zone, process)}"
                )
    return statements


def script(prefix: str, zone: str, statements: Iterable[str]) -> str:
    """The grants of one database for psql, all or none."""
    body = "".join(f"{statement};\n" for statement in statements)
    return f"\\connect {prefix}_{zone}\nBEGIN;\n{body}COMMIT;\n"


def allowed(process: str, table: str, app: str) -> tuple[str, ...]:
    """What a process may do with a table. Beat only says what time it is."""
    if process == "beat":
        return ()
    given = PORTAL.get(table, PORTAL.get(app, ALL)) if process == "portal" else ALL
    if table in APPEND_ONLY:
        return ("SELECT", "INSERT") if given else ()
    return given


def tables(zone: str) -> Iterator[tuple[str, str]]:
    """Each table of a database with the app it belongs to."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and router.db_for_write(model) == zone:
            yield model._meta.db_table, model._meta.app_label


def _login(prefix: str, zone: str, process: str) -> Iterable[str]:
    name, secret = role(prefix, zone, process), f"{zone}_{process}_password"
    yield f'\\set {secret} `cat "{FOLDER}/{secret}"`'
    yield _unless_there("pg_roles WHERE rolname", name)
    yield (
        f"ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        f" PASSWORD :'{secret}';"
    )


def _unless_there(where: str, name: str, more: str = "") -> str:
    """PostgreSQL has no CREATE ROLE IF NOT EXISTS: psql runs what this gives, if it gives anything."""
    kind = "DATABASE" if where.startswith("pg_database") else "ROLE"
    create = f"CREATE {kind} {name} {more}".strip()
    return f"SELECT '{create}' WHERE NOT EXISTS (SELECT FROM {where} = '{name}') \\gexec"  # noqa: S608


def _names(prefix: str, zone: str) -> str:
    """All logins of a database but its owner's, who has what an owner has."""
    return ", ".join(role(prefix, zone, process) for process in LOGINS[zone] if process != OWNER)
