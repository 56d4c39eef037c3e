"""App config of panel.staff; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.staff"
    verbose_name = "Staff"
