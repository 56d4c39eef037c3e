"""Work in sets: as many rows at once as every database takes in one statement. No rule of any step."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
SIZE = 500


def batched(items: Iterable[Item], size: int | None = None) -> Iterator[list[Item]]:
    """The items in sets. (itertools has it from Python 3.12 on.)"""
    iterator = iter(items)
    while some := list(islice(iterator, size or SIZE)):
        yield some
