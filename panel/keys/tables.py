"""SQLite keeps the order of insertion in a hidden rowid; here is what takes it out, for migrations."""

from typing import Any

from django.db.migrations import RunPython

#: The table first, then its indexes; those SQLite makes by itself have no text.
OWN_SQL = "SELECT sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC"


def without_rowid(*tables: str) -> RunPython:
    """The migration operation: make empty tables anew, clustered by their random primary key (ZON-02).

    PostgreSQL has no rowid; there the services shuffle what they insert. For most later changes Django makes
    a SQLite table anew: such a migration must end with this operation again (a test holds it).
    """
    return RunPython(lambda _apps, editor: _remake(editor, tables), RunPython.noop)


def _remake(editor: Any, tables: tuple[str, ...]) -> None:
    if editor.connection.vendor != "sqlite":
        return
    with editor.connection.cursor() as cursor:
        for table in tables:
            cursor.execute(OWN_SQL, [table])
            create, *indexes = (sql for (sql,) in cursor.fetchall())
            cursor.execute(f'CREATE TEMP TABLE "{table}_kept" AS SELECT * FROM "{table}"')  # noqa: S608
            cursor.execute(f'DROP TABLE "{table}"')
            for sql in (f"{create} WITHOUT ROWID", *indexes):
                cursor.execute(sql)
            cursor.execute(f'INSERT INTO "{table}" SELECT * FROM "{table}_kept"')  # noqa: S608
            cursor.execute(f'DROP TABLE "{table}_kept"')
