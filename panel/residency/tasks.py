"""Celery shells of residency."""

from celery import shared_task

from panel import clock
from panel.residency import services


@shared_task
def sweep_completions() -> int:
    """Takes evidence that a crash at completion left untaken."""
    return services.sweep_completions(now=clock.now())
