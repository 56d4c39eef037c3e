"""Work in sets: as many rows at once as every database takes in one statement. No rule of any step."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db.models import QuerySet

Item = TypeVar("Item")
SIZE = 500


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
