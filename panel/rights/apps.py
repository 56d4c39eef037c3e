"""App config of panel.rights; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.rights"
    verbose_name = "Rights"
