"""Work in sets: as many rows at once as every database takes, in its own fast way. No rule of any step."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, router
from django.db.models import Field, ForeignObject, Lookup, Model, QuerySet

Item = TypeVar("Item")
SIZE = 500
#: As PostgreSQL's manual names it, appendix A.
DEADLOCK = "40P01"


def batched(items: Iterable[Item], size: int | None = None) -> Iterator[list[Item]]:
    """The items in sets. (itertools has it from Python 3.12 on.)"""
    iterator = iter(items)
    while some := list(islice(iterator, size or SIZE)):
        yield some


def walk(rows: QuerySet[Any], key: str, size: int) -> Iterator[list[bytes]]:
    """The values of a binary key in their order, in sets. No cursor is held open, and rows may go meanwhile."""
    last, later = b"", rows.order_by(key).values_list(key, flat=True)
    while some := [bytes(value) for value in later.filter(**{f"{key}__gt": last})[:size]]:
        last = some[-1]
        yield some


def insert(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Inserts rows, each a value for each of these columns (as `member_id`), in the caller's transaction.

    Other columns get the model's default, the same in all rows; the database gives its own numbers.
    """
    alias = router.db_for_write(model)
    connection = connections[alias]
    if connection.vendor != "postgresql":
        made = [model(**dict(zip(columns, row, strict=True))) for row in rows]
        model._base_manager.using(alias).bulk_create(made)
        return
    there = {one.attname: one for one in model._meta.concrete_fields}
    others = [one for name, one in there.items() if name not in columns and not one.db_returning]
    fields, rest = [*map(there.__getitem__, columns), *others], [one.get_default() for one in others]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(one.column)) for one in fields)
    statement = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        # Of `varchar(10)` only `varchar` is a type's name.
        copy.set_types([str(one.db_type(connection)).partition("(")[0] for one in fields])
        for row in rows:
            copy.write_row((*row, *rest))


def is_deadlock(error: Exception) -> bool:
    """Whether the database ended this transaction because it and another one waited for each other."""
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK


class Among(Lookup):  # type: ignore[type-arg]
    """`pk__among=ids`: as `in`, but many values are one parameter where the database has arrays."""

    lookup_name = "among"
    prepare_rhs = False

    def _values(self) -> list[Any]:
        field = self.lhs.output_field
        return [field.get_prep_value(getattr(one, "pk", one)) for one in self.rhs]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        values = [field.get_db_prep_value(one, connection, prepared=True) for one in self._values()]
        if not values:
            return "0 = 1", ()
        return f"{lhs} IN ({', '.join(['%s'] * len(values))})", (*params, *values)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        kind, values = self.lhs.output_field.db_type(connection), self._values()
        # UUIDs in one text: one by one they cost six times as much.
        in_one = all(isinstance(one, UUID) for one in values)
        array = f"{{{','.join([one.hex for one in values])}}}" if in_one else values
        return f"{lhs} = ANY(%s::{kind}[])", (*params, array)


Field.register_lookup(Among)
ForeignObject.register_lookup(Among)
