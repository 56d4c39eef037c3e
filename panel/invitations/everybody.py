"""Service mail to many members for one occasion, in sets. To whom is the caller's; sending is sending.py's."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db import transaction

from consent.models import Purpose
from panel.invitations.models import LetterKind, Outgoing

BATCH = 1000


@transaction.atomic
def queue_service_many(*, members: Iterable[UUID], occasion: UUID, kind: LetterKind, now: datetime) -> int:
    """One row for each of these members (by id); who has one for this occasion already gets no second."""
    ids, before = iter(members), _queued(occasion, kind)
    while some := list(islice(ids, BATCH)):
        Outgoing.objects.bulk_create(
            [
                Outgoing(member_id=pk, purpose=Purpose.SERVICE, occasion=occasion, kind=kind, due_at=now)
                for pk in some
            ],
            ignore_conflicts=True,
        )
    return _queued(occasion, kind) - before


def _queued(occasion: UUID, kind: LetterKind) -> int:
    return Outgoing.objects.filter(purpose=Purpose.SERVICE, occasion=occasion, kind=kind).count()
