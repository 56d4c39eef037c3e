"""App config of panel.invitations; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.invitations"
    verbose_name = "Invitations"
