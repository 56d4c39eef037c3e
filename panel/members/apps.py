"""App config of panel.members; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.members"
    verbose_name = "Members"
