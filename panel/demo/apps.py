"""App config of panel.demo; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.demo"
    verbose_name = "Example study"
