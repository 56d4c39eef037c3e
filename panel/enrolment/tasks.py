"""Celery shells of enrolment's sweeps. No rule and no personal data."""

from celery import shared_task

from panel import clock
from panel.audit.rules import Actor
from panel.enrolment import intake, persons, services


@shared_task
def sweep_orphans() -> None:
    """Cards and keys without a member; marks of people in several studies who are in one only."""
    persons.drop_lone()
    services.sweep_orphans(by=Actor.system("sweep"), now=clock.now())


@shared_task
def drop_staged() -> None:
    """Uploads nobody admitted within the hour."""
    services.drop_staged(now=clock.now())


@shared_task
def rotate_intake() -> None:
    """A new intake key each night; an older one goes as soon as nothing waits that was sealed to it."""
    intake.rotate(by=Actor.system("intake"), now=clock.now())
