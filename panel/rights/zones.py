"""What stands where, read from the models' `class Privacy` (LAW-01): by zone, by class, by table. Writes nothing."""

from collections import defaultdict
from dataclasses import dataclass

from django.apps import apps
from django.db import router
from django.db.models import Model

OURS = frozenset({"panel", "consent"})
#: What a thief of one database has; the rest of the sentence follows from the fields' classes.
ALONE = {
    "default": "Answers, residency and consents by member code, without a name or an address.",
    "vault": "Ciphertext: how many contact cards there are, and nothing of whom they are.",
    "keystore": "Wrapped keys: how many members there are, and nothing that the keys open.",
}


@dataclass(frozen=True)
class Table:
    """One table: what it is for, how long it is kept, and the class of each field."""

    label: str
    zone: str
    purpose: str
    retention: str
    classes: dict[str, str]

    def of_class(self, kind: str) -> list[str]:
        """The fields of one class."""
        return [name for name, own in self.classes.items() if own == kind]


def tables() -> list[Table]:
    """Every table of ours, by name. A model without Privacy fails a test, not this."""
    return sorted((_table(model) for model in ours()), key=lambda table: table.label)


def by_class(zone: str) -> dict[str, list[str]]:
    """The fields of one zone by class, as "table.field"; internal ones are left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for table in tables():
        if table.zone == zone:
            for name, kind in table.classes.items():
                if kind != "internal":
                    found[kind].append(f"{table.label}.{name}")
    return dict(sorted(found.items()))


def ours() -> list[type[Model]]:
    """The models of this service, not those of libraries."""
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]


def _table(model: type[Model]) -> Table:
    privacy = model.Privacy  # type: ignore[attr-defined]
    zone = router.db_for_read(model)
    return Table(model._meta.label, zone, privacy.purpose, privacy.retention, dict(privacy.classes))
