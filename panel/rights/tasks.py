"""Celery shell of rights: the beat carries out what is due."""

from celery import shared_task

from panel import clock
from panel.rights import (
    addresses,
    copies,
    erasure,
    lost,
    new_address,
    oversight,
    pausing,
    project_end,
    retention,
)


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
def carry_out_ends() -> None:
    """Destroys what the end of a project ordered, in a worker that may write the KEK."""
    project_end.carry_out_ordered(now=clock.now())


@shared_task
def look_at_retention() -> None:
    """Reports what is past its day; destroys what a project leader ordered."""
    retention.look(now=clock.now())


@shared_task
def turn_addresses() -> None:
    """Carries out what was confirmed and forgets the rest, in a worker, for it opens and seals cards."""
    addresses.turn(now=clock.now())


@shared_task
def make_copies() -> None:
    """Makes the copies that members asked for, in a worker, for it opens their cards."""
    copies.make_copies(now=clock.now())


@shared_task
def heed_complaints() -> None:
    """Pauses letters to those who marked one as unwanted."""
    pausing.heed_complaints(now=clock.now())


@shared_task
def mail_links() -> None:
    """Sends lost links again and asks new addresses that were given, in a worker, for it opens cards."""
    lost.mail_links(now=clock.now())
    new_address.look(now=clock.now())
