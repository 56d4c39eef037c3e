"""App config of panel.waves; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.waves"
    verbose_name = "Waves"
