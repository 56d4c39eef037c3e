"""App config of panel.vault; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.vault"
    verbose_name = "Vault"
