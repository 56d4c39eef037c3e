"""Writing many wrapped keys at once in each database's own fast way: row objects of the ORM take ten times as long.

The rows are there already; one that was deleted meanwhile is not brought back.
"""

from collections.abc import Sequence

from django.db import connections
from psycopg import Cursor

from panel.keys.models import DataKey, NextKey

ONE = "UPDATE {table} SET kek_version = %s, wrapped = %s WHERE locator = %s"
MANY = """UPDATE {table} SET kek_version = %b, wrapped = new.wrapped
    FROM unnest(%b::bytea[], %b::bytea[]) AS new (locator, wrapped) WHERE {table}.locator = new.locator"""


def set_wrapped(
    model: type[DataKey] | type[NextKey], rows: Sequence[tuple[bytes, bytes]], version: int
) -> None:
    """Each (locator, wrapped) is written to its row, under one version of the KEK."""
    connection, table = connections["keystore"], model._meta.db_table
    if connection.vendor == "postgresql":
        locators, wrapped = [row[0] for row in rows], [row[1] for row in rows]
        with Cursor(
            connection.connection
        ) as cursor:  # binary parameters; Django's cursor writes them as text
            cursor.execute(MANY.format(table=table), (version, locators, wrapped))
    else:
        with connection.cursor() as cursor:
            cursor.executemany(
                ONE.format(table=table), [(version, wrapped, locator) for locator, wrapped in rows]
            )
