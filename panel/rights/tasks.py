"""Celery shell of rights: the beat carries out what is due."""

from celery import shared_task

from panel import clock
from panel.rights import addresses, copies, erasure, oversight


@shared_task
def anchor_audit() -> None:
    """Notes the head of the audit chain outside the databases."""
    oversight.anchor(now=clock.now())


@shared_task
def erase_due() -> None:
    """Runs in a worker, for it destroys cards and data keys."""
    erasure.erase_due(now=clock.now())


@shared_task
def nightly() -> None:
    """Erases what is due and makes old copies of its keys useless, in a worker that may write the KEK."""
    erasure.nightly(now=clock.now())


@shared_task
def turn_addresses() -> None:
    """Carries out what was confirmed and forgets the rest, in a worker, for it opens and seals cards."""
    addresses.turn(now=clock.now())


@shared_task
def make_copies() -> None:
    """Makes the copies that members asked for, in a worker, for it opens their cards."""
    copies.make_copies(now=clock.now())
