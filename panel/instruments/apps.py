"""App config of panel.instruments; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.instruments"
    verbose_name = "Instruments"
