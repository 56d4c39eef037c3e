"""Celery shell of the journal: the beat brings its file up to date."""

from celery import shared_task

from panel import clock
from panel.journal import services


@shared_task
def write() -> None:
    """Runs in a worker, which alone can write the file."""
    services.write(now=clock.now())
