"""Looks for member codes in every table of the main database; what stays after a project's end is asked here.

Append-only tables keep codes on purpose: they are the proof of what was agreed to and done, and join with nothing
that is left. Writes nothing.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.db import models, router

from panel.members.rules import CODE_LENGTH, DIGITS

#: Consent ledger, audit trail and journal: no row of theirs can be changed or deleted, by the database itself.
KEEP_CODES = frozenset({"consent.ConsentEntry", "audit.AuditEvent", "journal.JournalEntry"})
_CODE = re.compile(rf"(?<![0-9A-Z])[{DIGITS}]{{{CODE_LENGTH}}}(?![0-9A-Z])")
_TEXT = (models.CharField, models.TextField, models.JSONField)


def tables_with(codes: Collection[str]) -> dict[str, int]:
    """Tables and columns that name any of these members, with how often; empty where nobody is named."""
    wanted, found = frozenset(codes), dict[str, int]()
    for model in _searched():
        for field in model._meta.concrete_fields:
            if isinstance(field, _TEXT) and not field.choices:
                number = sum(_names(value, wanted) for value in _values(model, field.attname))
                if number:
                    found[f"{model._meta.label}.{field.name}"] = number
    return found


def _searched() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if router.db_for_read(model) == "default" and model._meta.label not in KEEP_CODES:
            yield model


def _values(model: type[models.Model], column: str) -> Iterator[Any]:
    return model._base_manager.values_list(column, flat=True).iterator(chunk_size=2000)


def _names(value: Any, codes: frozenset[str]) -> bool:
    text = value if isinstance(value, str) else json.dumps(value)
    return not codes.isdisjoint(_CODE.findall(text or ""))
