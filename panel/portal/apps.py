"""App config of panel.portal; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.portal"
    verbose_name = "Portal"
