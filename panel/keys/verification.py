"""Does every wrapped key open? Looks and changes nothing; shows no key. panel/vault/verification.py asks on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Place
from panel.keys.models import DataKey, NextKey, WrappedRoot
from panel.keys.providers import provider
from panel.keys.ring import Ring
from panel.sets import walk

CHUNK = 500
Row = tuple[bytes, int, bytes]
Model = type[DataKey] | type[NextKey]


@dataclass(frozen=True)
class Fault:
    """One row that doesn't hold: which (a root's label, or a locator until it is named), what, and what to do."""

    kind: str
    row: bytes
    what: str
    cure: str
    name: str = ""

    def named(self, name: str) -> "Fault":
        return replace(self, name=name)


@dataclass(frozen=True)
class Looked:
    """What opened of a set of wrapped keys, by their locators, and what did not."""

    keys: dict[bytes, bytes]
    faults: list[Fault]


def faulty_roots() -> list[Fault]:
    """The index root first: where it doesn't open, the KEK file is another's, or the keystore is."""
    rows = [
        (r.label.encode(), r.kek_version, bytes(r.wrapped)) for r in WrappedRoot.objects.order_by("label")
    ]
    return [fault.named(fault.row.decode()) for fault in _look("root", "keys_wrappedroot", rows).faults]


def look(model: Model, locators: Iterable[bytes]) -> Looked:
    """These wrapped keys; those that fail are looked at again, for a rotation may just have moved them."""
    first = _look("key", model._meta.db_table, _rows(model, locators))
    if not first.faults:
        return first
    again = _look("key", model._meta.db_table, _rows(model, [fault.row for fault in first.faults]))
    return Looked(first.keys | again.keys, again.faults)


def look_at_all() -> Iterator[tuple[int, list[Fault]]]:
    """Every wrapped key there is, a set at a time: how many were opened, and which did not."""
    for model in (DataKey, NextKey):
        for locators in walk(model.objects.all(), "locator", CHUNK):
            yield len(locators), look(model, locators).faults


def count() -> int:
    """How many data keys there are."""
    return DataKey.objects.count()


def made_before(day: date) -> Iterator[list[bytes]]:
    """The locators of data keys that can't be waiting for their card any more, a set at a time."""
    yield from walk(DataKey.objects.filter(made_on__lt=day), "locator", CHUNK)


def _rows(model: Model, locators: Iterable[bytes]) -> list[Row]:
    rows = model.objects.filter(locator__in=list(locators)).order_by("locator")
    return [(bytes(row.locator), row.kek_version, bytes(row.wrapped)) for row in rows]


def _look(kind: str, table: str, rows: Iterable[Row]) -> Looked:
    ring, keys, faults = provider().ring(), dict[bytes, bytes](), []
    for row, version, wrapped in rows:
        place = Place(table, "wrapped", row)
        try:
            keys[row] = ring.unwrap(wrapped, place)
        except Damaged:
            faults.append(Fault(kind, row, *_why(ring, wrapped, place)))
            continue
        if version != crypto.key_version(wrapped, place=place):
            what = _("is noted under version %d of the KEK and wrapped by another") % version
            faults.append(Fault(kind, row, what, _("Run `manage.py keys rewrap`.")))
    return Looked(keys, faults)


def _why(ring: Ring, wrapped: bytes, place: Place) -> tuple[str, str]:
    """Why a wrapped key doesn't open, and what to do."""
    try:
        version = crypto.key_version(wrapped, place=place)
    except Damaged:
        version = ring.current  # not even its head is whole
    if version not in ring.made_on:
        what = _("is wrapped by version %d of the KEK, which isn't in the KEK file") % version
    else:
        what = _("is damaged, swapped with another row, or wrapped by another KEK file")
    return what, _("Restore the KEK file and the keystore of one day, then run `manage.py keys rewrap`.")
