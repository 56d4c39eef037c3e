"""Celery shells of the outbox: ids and claims in, services called. No rule and no personal data (NEV-09)."""

from uuid import UUID

from celery import shared_task
from django.conf import settings

from panel import clock
from panel.invitations import inbound, links, mailbox, sending, services, trying


@shared_task
def queue_due() -> None:
    """Puts what is due into the outbox, and has it sent without waiting for the next tick."""
    if services.queue_due(now=clock.now()):
        dispatch.delay()


@shared_task
def dispatch() -> None:
    """Hands each claimed chunk to a worker; a lost hand-over costs the claim's lease, not a letter.

    Service mail leaves the queue that config/schedule.py routes to, so that it waits behind no wave's letters.
    """
    for chunk in services.dispatch(now=clock.now()):
        claim = str(chunk.claim)
        if chunk.service_mail:
            send_chunk.apply_async((claim,), queue=settings.CELERY_TASK_DEFAULT_QUEUE)
        else:
            send_chunk.delay(claim)


@shared_task
def send_chunk(claim: str) -> None:
    """Sends one chunk."""
    sending.send_chunk(claim=UUID(claim), now=clock.now())


@shared_task
def send_trials() -> None:
    """Sends letters that staff try on themselves."""
    trying.send_due(now=clock.now())


@shared_task
def sweep_leases() -> None:
    """Finds what a crash left behind."""
    services.sweep_leases(now=clock.now())


@shared_task
def read_returns() -> None:
    """Reads what came back of the letters, in a worker, for who wrote is looked up; so many, then the next ones."""
    if settings.BOUNCE_MAILBOX:
        with mailbox.configured() as source:
            tally = inbound.work_off(source=source, now=clock.now())
        if tally.more:
            read_returns.delay()


@shared_task
def drop_links() -> None:
    """Removes answer links that lead nowhere any more."""
    links.drop_ended(now=clock.now())
