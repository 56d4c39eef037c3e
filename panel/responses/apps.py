"""App config of panel.responses; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.responses"
    verbose_name = "Responses"
