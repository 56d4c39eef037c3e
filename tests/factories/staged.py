"""A state made once for a module's tests; each test works on it inside a savepoint and leaves it as it was.

For tests with `db` only: a transactional test in the same module would flush it away.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from django.db import connections, transaction

T = TypeVar("T")


@contextmanager
def staged(blocker: Any, make: Callable[[], T]) -> Iterator[T]:
    """What `make` gives, in transactions on all databases that are rolled back at the end."""
    with blocker.unblock(), ExitStack() as stack:
        for alias in connections:
            stack.enter_context(transaction.atomic(using=alias))
        yield make()
        for alias in connections:
            transaction.set_rollback(True, using=alias)
