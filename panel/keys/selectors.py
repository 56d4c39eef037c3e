"""Reads: the state of the keys, without any key."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from panel.keys.models import DataKey
from panel.keys.providers import provider


@dataclass(frozen=True)
class Version:
    """One version of the KEK and how many data keys it wraps."""

    version: int
    made_on: date
    current: bool
    data_keys: int


def status() -> list[Version]:
    """Every version there is, oldest first."""
    ring = provider().ring()
    used = dict(DataKey.objects.order_by().values_list("kek_version").annotate(n=Count("pk")))
    return [
        Version(version, made_on, version == ring.current, used.get(version, 0))
        for version, made_on in sorted(ring.made_on.items())
    ]
