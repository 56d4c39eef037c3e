"""The Celery application. What runs when, and on which queue, stands in config/schedule.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("gjensyn")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
