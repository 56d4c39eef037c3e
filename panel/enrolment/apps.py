"""App config of panel.enrolment; no start-up work."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "panel.enrolment"
    verbose_name = "Enrolment"
