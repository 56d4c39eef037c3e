"""Lists of addresses never to be contacted again (LAW-13): full-length keyed hashes, each study's under its own key.

Who may put an address there, and what follows, is decided above. No address is stored.
"""

import base64
import random
import secrets
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto, roots
from panel.keys.macs import Index
from panel.sets import batched
from panel.vault.models import Suppressed
from panel.vault.rules import tidy_address

LABEL = "suppress-"
#: Other rows that are written again with a new one, so that their order doesn't tell when each came (ZON-02).
MIXED = 100
_random = random.SystemRandom()


def add(study_key: UUID, addresses: Iterable[str]) -> list[bytes]:
    """Puts addresses on the study's list; returns their marks. The study's key is made at first need."""
    label = _label(study_key)
    roots.keep_root(label, crypto.random_key())  # of two at once one makes it
    marks = [_mark(_key(label), address) for address in addresses]
    add_marks(study_key, marks)
    return marks


def add_marks(study_key: UUID, marks: Iterable[bytes]) -> None:
    """Puts marks on the study's list that were there before, as after a restored backup."""
    register = _register(study_key)
    with transaction.atomic(using="vault"):
        others = Suppressed.objects.select_for_update().filter(mark__gte=secrets.token_bytes(32))
        rows = list(others.order_by("mark")[:MIXED])
        Suppressed.objects.filter(mark__in=[bytes(row.mark) for row in rows]).delete()
        rows += [Suppressed(mark=mark, register=register) for mark in marks]
        _random.shuffle(rows)
        Suppressed.objects.bulk_create(rows, ignore_conflicts=True)


def found(study_key: UUID, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses that are on the study's list. Opens no key where the study has no list."""
    if (
        not Suppressed.objects.exists()
        or not Suppressed.objects.filter(register=_register(study_key)).exists()
    ):
        return set()
    key = _key(_label(study_key))
    by_mark = {_mark(key, address): address for address in addresses}
    there: set[str] = set()
    for some in batched(by_mark):
        marks = Suppressed.objects.filter(mark__in=some).values_list("mark", flat=True)
        there.update(by_mark[bytes(mark)] for mark in marks)
    return there


def destroy(study_key: UUID) -> int:
    """Destroys the study's list and its key for good; returns how many addresses were on it."""
    gone, _per_table = Suppressed.objects.filter(register=_register(study_key)).delete()
    roots.destroy_root(_label(study_key))
    return gone


def _key(label: str) -> bytes:
    root = roots.kept_root(label)
    if root is None:
        raise Damaged(
            _("The key of the addresses never to be contacted again is missing. Restore the keystore.")
        )
    return crypto.derive(root, "suppressed-address")


def _mark(key: bytes, address: str) -> bytes:
    return crypto.mac(key, tidy_address(address).encode())


def _register(study_key: UUID) -> bytes:
    return Index.load().study_mark(str(study_key), "register")


def _label(study_key: UUID) -> str:
    """The root's name: another keyed hash, so that vault and keystore can't be joined by it."""
    mark = Index.load().study_mark(str(study_key), "label")
    return LABEL + base64.b32encode(mark).decode()[:11]
