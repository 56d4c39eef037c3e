"""App config of panel.journal; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.journal"
    verbose_name = "Journal"
