"""App config of panel.residency; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.residency"
    verbose_name = "Residency"
