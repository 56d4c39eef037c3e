"""Filters that several lists of the desk share, narrowed to what a person may see."""

from typing import Any
from uuid import UUID

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from panel.invitations.return_models import Kind
from panel.waves.models import Wave


class OfWave(SimpleListFilter):
    """By wave, of the studies whose rows the list shows; in the address it is the wave's id."""

    title = _("wave")
    parameter_name = "wave"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        waves = Wave.objects.filter(study__in=model_admin.studies(request)).order_by("-opens_at")
        return [(str(pk), name) for pk, name in waves.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        try:
            return queryset.filter(case__wave=UUID(self.value()))
        except ValueError:
            return queryset.none()


class CameBack(SimpleListFilter):
    """Letters about which a message came back, by its class."""

    title = _("came back")
    parameter_name = "returned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind.value, kind.label) for kind in Kind if kind != Kind.NONE]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(returned__kind=self.value()) if self.value() else queryset
