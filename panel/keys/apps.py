"""App config of panel.keys; registers the system checks of the KEK."""

from django.apps import AppConfig
from django.core.checks import register

from panel.keys.checks import kek_file_is_safe, kek_provider_is_fit


class Config(AppConfig):
    name = "panel.keys"
    verbose_name = "Keys"

    def ready(self) -> None:
        register(kek_file_is_safe)
        register(kek_provider_is_fit)
