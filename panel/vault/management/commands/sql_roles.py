"""`sql-roles`: prints the SQL that keeps the three zones apart in PostgreSQL, for who runs the database (ZON-01).

`--part roles` is run once by a superuser with psql, `--part grants` in each database after each migration; with
`--grant` this process does the latter itself, over the owner's addresses that the migration has.
Exit status 0 done; 1 refused. `--json` prints roles as one text and grants as statements by database.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError, connections, transaction
from django.utils.translation import gettext as _

from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import NotNow, Refusal
from panel.vault import sql_roles


class Command(ServiceCommand):
    """The database administrator's; needs no key and, unless told to grant, no database."""

    help = "Print the SQL of the zones' logins and of what each may do."
    requires_system_checks = []

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--part", choices=["roles", "grants"], help="only this part")
        parser.add_argument("--prefix", default="gjensyn", help="of databases and logins (gjensyn)")
        parser.add_argument("--grant", action="store_true", help="run the grants instead of printing")

    def act(self, **options: Any) -> Answer:
        prefix, part = options["prefix"], options["part"]
        if not sql_roles.PREFIX.fullmatch(prefix):
            raise WrongCall(_("A prefix is made of small letters, digits and _."))
        grants = {zone: sql_roles.grants_sql(prefix, zone) for zone in sql_roles.LOGINS}
        if options["grant"]:
            return _granted(grants)
        data: dict[str, Any] = {}
        lines: list[str] = []
        if part != "grants":
            data["roles"] = sql_roles.roles_sql(prefix)
            lines.append(data["roles"])
        if part != "roles":
            data["grants"] = grants
            lines += [sql_roles.script(prefix, zone, statements) for zone, statements in grants.items()]
        return Answer(data, ["\n".join(lines).rstrip()])


def _granted(grants: dict[str, list[str]]) -> Answer:
    done = []
    for zone, statements in grants.items():
        connection = connections[zone]
        if connection.vendor != "postgresql":
            continue  # one machine with SQLite files has no logins
        try:
            with transaction.atomic(using=zone), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except DatabaseError as error:
            raise _refusal(zone) from error
        done.append(zone)
    return Answer({"granted": done}, [_("Granted in: %(zones)s.") % {"zones": ", ".join(done) or "–"}])


def _refusal(zone: str) -> Refusal:
    return NotNow(
        _(
            "The logins of the database “%(zone)s” could not be given what they need. Make them first with the SQL of "
            "`manage.py sql-roles --part roles`, migrate, and run this as the database's owner."
        )
        % {"zone": zone}
    )
