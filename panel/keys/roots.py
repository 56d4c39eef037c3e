"""Roots: random keys in the keystore, wrapped by the KEK. The index root, from which index and locator keys come;
and further ones that others name: private parts of intake keys, keys of suppression lists.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.models import DataKey, WrappedRoot
from panel.keys.providers import provider

INDEX = "index"
#: A rotation by another process may destroy a version between reading a row and reading the ring.
TRIES = 3


def place_of(label: str) -> Place:
    return Place("keys_wrappedroot", "wrapped", label.encode())


def index_root() -> bytes:
    """The index root, made on first use of an empty keystore."""
    for _attempt in range(TRIES):
        row = WrappedRoot.objects.filter(label=INDEX).first() or make_index_root()
        ring = provider().ring()
        if row.kek_version in ring.made_on:
            return ring.unwrap(bytes(row.wrapped), place_of(INDEX))
    raise Damaged(_("The index root is wrapped by a KEK version that is gone. Restore the KEK file."))


def make_index_root() -> WrappedRoot:
    """Refuses beside data keys: their locators came from a root that was lost, and a new one finds none."""
    if DataKey.objects.exists():
        raise Damaged(_("The index root is missing beside data keys. Restore the keystore."))
    ring = provider().ring()
    wrapped = ring.wrap(crypto.random_key(), place_of(INDEX))
    made = {"kek_version": ring.current, "wrapped": wrapped}
    return WrappedRoot.objects.get_or_create(label=INDEX, defaults=made)[0]


def lock() -> None:
    """Hold off a rotation to the end of the keystore's transaction, so that no dying version wraps a key.

    PostgreSQL locks the root's row; SQLite's IMMEDIATE transaction has already locked everything.
    """
    if not transaction.get_connection("keystore").in_atomic_block:
        raise RuntimeError("The keystore is locked inside a transaction only.")
    WrappedRoot.objects.select_for_update().filter(label=INDEX).first()


def keep_root(label: str, root: bytes) -> bool:
    """Wrap and store a further root, which every rotation re-wraps; False, and nothing changed, where it is there."""
    index_root()  # there must be a root to lock
    with transaction.atomic(using="keystore"):
        lock()
        ring = provider().ring()
        made = {"kek_version": ring.current, "wrapped": ring.wrap(root, place_of(label))}
        return WrappedRoot.objects.get_or_create(label=label, defaults=made)[1]


def kept_root(label: str) -> bytes | None:
    """A further root, or None where there is none (any more)."""
    for _attempt in range(TRIES):
        row = WrappedRoot.objects.filter(label=label).first()
        if row is None:
            return None
        ring = provider().ring()
        if row.kek_version in ring.made_on:
            return ring.unwrap(bytes(row.wrapped), place_of(label))
    raise Damaged(
        _("The root %(label)s is wrapped by a KEK version that is gone. Restore the KEK.") % {"label": label}
    )


def destroy_root(label: str) -> bool:
    """Delete a further root; only an old copy of the keystore has it still, until the next rotation."""
    if label == INDEX:
        raise ValueError("The index root is destroyed with the whole keystore only.")
    return bool(WrappedRoot.objects.filter(label=label).delete()[0])


def destroy_index() -> bool:
    """With the last data key, the root by which cards were found; a new one is made at the next need."""
    with transaction.atomic(using="keystore"):
        lock()
        if DataKey.objects.exists():
            return False
        return bool(WrappedRoot.objects.filter(label=INDEX).delete()[0])


def labels(prefix: str) -> list[str]:
    """The further roots whose names begin so."""
    return list(WrappedRoot.objects.filter(label__startswith=prefix).values_list("label", flat=True))
