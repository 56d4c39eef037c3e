"""Celery shells of the waves' clock. No rule and no personal data."""

from celery import shared_task

from panel import clock
from panel.waves import services


@shared_task
def turn() -> None:
    """Opens and closes waves whose time has come."""
    services.turn(now=clock.now())
