"""App config of panel.desk; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.desk"
    verbose_name = "Desk"
