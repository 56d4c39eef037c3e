"""App config of panel.keys; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.keys"
    verbose_name = "Keys"
