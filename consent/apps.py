"""App config of consent; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "consent"
    verbose_name = "Consent"
