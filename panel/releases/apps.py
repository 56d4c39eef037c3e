"""App config of panel.releases; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.releases"
    verbose_name = "Releases"
