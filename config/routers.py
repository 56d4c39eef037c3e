"""Which app lives in which database: contact cards in `vault`, wrapped keys in `keystore`, all else in `default`."""

from typing import Any

from django.db.models import Model

HOMES = {"vault": "vault", "keys": "keystore"}


class ZoneRouter:
    """Sends each app's tables to its zone and lets no relation cross a border."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return HOMES.get(model._meta.app_label, "default")

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return HOMES.get(model._meta.app_label, "default")

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        # By _meta and not by type: the user of a request is a lazy stand-in for the row.
        return self.db_for_read(obj1._meta.model) == self.db_for_read(obj2._meta.model)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return HOMES.get(app_label, "default") == db
