"""App config of panel.audit; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.audit"
    verbose_name = "Audit"
