"""Triggers that make a table append-only in the database itself, for migrations. Knows no table of its own.

It stands in the lowest package because the panel's audit uses it too. The triggers are named
`<table>_append_only…` and `<table>_no_truncate`.
"""

from collections.abc import Callable
from typing import Any

from django.db.migrations import RunPython

ON_SQLITE = """
CREATE TRIGGER "{table}_append_only_{verb}" BEFORE {verb} ON "{table}"
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
ON_POSTGRES = (
    """
CREATE OR REPLACE FUNCTION "{table}_refuse"() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
""",
    """
CREATE TRIGGER "{table}_append_only" BEFORE UPDATE OR DELETE ON "{table}"
FOR EACH ROW EXECUTE FUNCTION "{table}_refuse"()
""",
    """
CREATE TRIGGER "{table}_no_truncate" BEFORE TRUNCATE ON "{table}"
FOR EACH STATEMENT EXECUTE FUNCTION "{table}_refuse"()
""",
)
UNDO_SQLITE = 'DROP TRIGGER IF EXISTS "{table}_append_only_{verb}"'
UNDO_POSTGRES = ('DROP FUNCTION IF EXISTS "{table}_refuse"() CASCADE',)
VERBS = ("UPDATE", "DELETE")


def append_only(*tables: str) -> RunPython:
    """The migration operation: from here on the database refuses UPDATE, DELETE and TRUNCATE of `tables`."""
    return RunPython(_for_each(tables, ON_SQLITE, ON_POSTGRES), _for_each(tables, UNDO_SQLITE, UNDO_POSTGRES))


def _for_each(
    tables: tuple[str, ...], on_sqlite: str, on_postgres: tuple[str, ...]
) -> Callable[[Any, Any], None]:
    def run(_apps: Any, editor: Any) -> None:
        for table in tables:
            if editor.connection.vendor == "sqlite":
                statements = [on_sqlite.format(table=table, verb=verb) for verb in VERBS]
            else:
                statements = [statement.format(table=table) for statement in on_postgres]
            for statement in statements:
                editor.execute(statement, params=None)

    return run
