"""Lifts the append-only triggers around the flush of `transaction=True` tests; nothing else may."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

ON_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
ON_POSTGRES = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"


@contextmanager
def lifted(databases: Iterable[BaseDatabaseWrapper]) -> Iterator[None]:
    """No trigger of ours fires within the block; all stand again after it, whatever happened."""
    undo = [(database, lift(database)) for database in databases]
    try:
        yield
    finally:
        for database, statements in undo:
            run(database, statements)


def lift(database: BaseDatabaseWrapper) -> list[str]:
    """Take the triggers away; return the statements that put them back."""
    on_sqlite = database.vendor == "sqlite"
    with database.cursor() as cursor:
        cursor.execute(ON_SQLITE if on_sqlite else ON_POSTGRES)
        rows = cursor.fetchall()
    if on_sqlite:
        run(database, [f'DROP TRIGGER "{name}"' for name, _ in rows])
        return [sql for _, sql in rows]
    run(database, [f"ALTER TABLE {table} DISABLE TRIGGER USER" for (table,) in rows])
    return [f"ALTER TABLE {table} ENABLE TRIGGER USER" for (table,) in rows]


def run(database: BaseDatabaseWrapper, statements: list[str]) -> None:
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
