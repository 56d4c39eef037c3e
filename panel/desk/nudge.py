"""Has the outbox looked at now, for who waits for a letter; without it, beat's next tick finds the letter."""

import logging

from django.db import transaction
from kombu.exceptions import OperationalError

from panel.invitations import tasks

logger = logging.getLogger(__name__)


def send_soon() -> None:
    """After what was just written is committed."""
    transaction.on_commit(_dispatch)


def _dispatch() -> None:
    try:
        tasks.dispatch.apply_async(retry=False)
    except OperationalError:
        logger.warning("The broker can't be reached: a letter waits for the next tick.")
