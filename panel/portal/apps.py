"""App config of panel.portal; registers the system check of the mail provider."""

from django.apps import AppConfig
from django.core.checks import register

from panel.portal.checks import provider_is_set_up


class Config(AppConfig):
    name = "panel.portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        register(provider_is_set_up)
