"""App config of panel.api; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.api"
    verbose_name = "API"
