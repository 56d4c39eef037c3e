"""Writes of the audit: events as they happen, seals afterwards. Nothing here changes or removes a row."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from panel.audit.chain import chained
from panel.audit.models import AuditEvent, AuditSeal
from panel.audit.rules import VERB, Actor, without_contact_data
from panel.audit.selectors import head, low_water, unsealed

#: How often a sealer that lost the race for a position looks again before it leaves it to the next tick.
TRIES = 5


def record(
    *,
    by: Actor,
    verb: str,
    now: datetime,
    study: str = "",
    subject: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one event, unsealed, in the caller's transaction on `default`: both are kept or neither."""
    assert VERB.fullmatch(verb), verb
    AuditEvent.objects.create(
        at=now,
        actor_kind=by.kind,
        actor=by.name,
        verb=verb,
        study=study,
        subject=subject,
        detail=without_contact_data(detail or {}),
    )


def record_each(
    *, by: Actor, verb: str, now: datetime, study: str, told: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    """The same for thousands, in sets: one event for each subject and its detail."""
    assert VERB.fullmatch(verb), verb
    AuditEvent.objects.bulk_create(
        (
            AuditEvent(
                at=now,
                actor_kind=by.kind,
                actor=by.name,
                verb=verb,
                study=study,
                subject=subject,
                detail=without_contact_data(detail),
            )
            for subject, detail in told
        ),
        batch_size=1000,
    )


def seal(*, now: datetime, limit: int = 5000, from_the_start: bool = False) -> int:
    """Chain up to `limit` events that have no seal yet, in order of id; returns how many.

    "No seal yet" and not "above the last id": ids become visible in order of commit, so a lower one may turn
    up later. Each tick looks above the low-water mark, the night `from_the_start`. Two sealers can't fork the
    chain, for the position is the primary key: the loser looks again.
    """
    above = None if from_the_start else low_water(now=now)
    for _attempt in range(TRIES):
        try:
            with transaction.atomic():
                return _seal_once(now, limit, above)
        except IntegrityError:
            continue
    return 0


def _seal_once(now: datetime, limit: int, above: int | None = None) -> int:
    last = head()
    position, previous = (last.position, last.hash) if last else (0, "")
    seals = []
    for event in unsealed(above=above)[:limit]:
        position += 1
        seal = AuditSeal(position=position, event=event.uid, previous=previous, sealed_at=now)
        previous = seal.hash = chained(seal, event)
        seals.append(seal)
    AuditSeal.objects.bulk_create(seals, batch_size=1000)
    return len(seals)
