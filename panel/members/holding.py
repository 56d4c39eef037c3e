"""Holds on many members at once, in sets, with one audit row for all. Single holds are services.py's."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.members import permissions
from panel.members.models import Hold, Study
from panel.members.rules import Verb

CHUNK = 1000


@transaction.atomic
def hold_many(
    *, by: Actor, study: Study, members: Collection[UUID], kind: Hold.Kind, reason: str, now: datetime
) -> int:
    """Hold these members; who is held so already stays so. Returns how many holds are new."""
    permissions.check(by, study, Verb.HOLD)
    standing = Hold.objects.filter(member__study=study, kind=kind, lifted_at=None)
    held = set(standing.values_list("member_id", flat=True).iterator())
    why = words.reason(reason)
    new = [
        Hold(member_id=member, kind=kind, reason=why, since=now) for member in members if member not in held
    ]
    Hold.objects.bulk_create(new, batch_size=CHUNK)
    _tell(by, study, "hold.set_for_many", kind, len(new), now)
    return len(new)


@transaction.atomic
def lift_all(*, by: Actor, study: Study, kind: Hold.Kind, now: datetime) -> int:
    """Lift every standing hold of a kind in a study; returns how many."""
    permissions.check(by, study, Verb.HOLD)
    lifted = Hold.objects.filter(member__study=study, kind=kind, lifted_at=None).update(lifted_at=now)
    _tell(by, study, "hold.lifted_for_many", kind, lifted, now)
    return lifted


def _tell(by: Actor, study: Study, verb: str, kind: Hold.Kind, number: int, now: datetime) -> None:
    detail = {"kind": kind.value, "members": number}
    audit.record(by=by, verb=verb, now=now, study=study.slug, detail=detail)
