"""Holds while many members are asked for new consent: in sets, with one audit row for all, and not journaled.

A hold of any other kind is set on one member, by services.py, which journals it.
"""

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
from panel.sets import SIZE

KIND = Hold.Kind.RECONSENT


@transaction.atomic
def hold_for_consent(
    *, by: Actor, study: Study, members: Collection[UUID], reason: str, now: datetime
) -> int:
    """Hold these members; who is held so already stays so. Returns how many holds are new."""
    permissions.check(by, study, Verb.HOLD)
    standing = Hold.objects.filter(member__study=study, kind=KIND, lifted_at=None)
    held = set(standing.values_list("member_id", flat=True).iterator())
    why = words.reason(reason)
    new = [
        Hold(member_id=member, kind=KIND, reason=why, since=now) for member in members if member not in held
    ]
    Hold.objects.bulk_create(new, batch_size=SIZE)
    _tell(by, study, "hold.set_for_many", len(new), now)
    return len(new)


@transaction.atomic
def lift_for_consent(*, by: Actor, study: Study, now: datetime) -> int:
    """Lift every one that stands in a study; returns how many."""
    permissions.check(by, study, Verb.HOLD)
    lifted = Hold.objects.filter(member__study=study, kind=KIND, lifted_at=None).update(lifted_at=now)
    _tell(by, study, "hold.lifted_for_many", lifted, now)
    return lifted


def _tell(by: Actor, study: Study, verb: str, number: int, now: datetime) -> None:
    detail = {"kind": KIND.value, "members": number}
    audit.record(by=by, verb=verb, now=now, study=study.slug, detail=detail)
