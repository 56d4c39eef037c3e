"""The outbox's writes, found here by their names: sweep what a crash left, queue service mail.

Each works in sets and may run twice or at once: a unique constraint and compare-and-set updates decide, the same way
on SQLite and PostgreSQL. What a plan makes due is queueing.py's, claiming it dispatching.py's, what a person decides
decisions.py's. Not here: checking and sending a chunk (checking.py, sending.py), the letters' words (letters.py).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.invitations import rules
from panel.invitations.decisions import decide_all_unconfirmed as decide_all_unconfirmed
from panel.invitations.decisions import decide_unconfirmed as decide_unconfirmed
from panel.invitations.decisions import try_again as try_again
from panel.invitations.dispatching import dispatch as dispatch
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.queueing import queue_due as queue_due
from panel.invitations.rules import Reason, State
from panel.members.models import PanelMember
from panel.sets import batched

CLOCK = Actor.system("clock")
BATCH = 1000


def sweep_leases(*, now: datetime) -> int:
    """After a crash: what was claimed or ready waits again; what was being sent is doubtful, and counted."""
    unsent = (State.CLAIMED, State.READY)
    Outgoing.objects.filter(state__in=unsent, lease_until__lt=now).update(
        state=State.QUEUED, claim=None, lease_until=None
    )
    with transaction.atomic():
        # The claim stays: a worker that was only slow may still say that it sent the letter.
        doubtful = Outgoing.objects.filter(state=State.SENDING, lease_until__lt=now).update(
            state=State.UNCONFIRMED, reason=Reason.LEASE_LOST, lease_until=None
        )
        if doubtful:
            audit.record(by=CLOCK, verb="letters.unconfirmed", now=now, detail={"letters": doubtful})
    return doubtful


def queue_service(
    *, member: PanelMember, occasion: UUID, now: datetime, kind: LetterKind = LetterKind.RECEIPT
) -> Outgoing:
    """Service mail for a request (its id is the occasion), once a kind. Joins the caller's transaction."""
    row, _new = Outgoing.objects.get_or_create(
        member=member,
        purpose=Purpose.SERVICE,
        occasion=occasion,
        kind=kind,
        ordinal=1,
        defaults={"planned_at": now, "due_at": now},
    )
    return row


def is_under_way(*, member: PanelMember, occasion: UUID, kind: LetterKind) -> bool:
    """Whether a request's letter of this kind waits or is being sent right now."""
    letter = service_letter(member=member, occasion=occasion, kind=kind)
    return letter is not None and letter.state in rules.UNDER_WAY


def service_letter(*, member: PanelMember, occasion: UUID, kind: LetterKind) -> Outgoing | None:
    """A request's letter of this kind, as it stands."""
    found = Outgoing.objects.filter(member=member, purpose=Purpose.SERVICE, occasion=occasion, kind=kind)
    return found.first()


@transaction.atomic
def queue_service_many(*, members: Iterable[UUID], occasion: UUID, kind: LetterKind, now: datetime) -> int:
    """The same for many members (by id), in sets; returns how many letters are new, for nobody gets a second."""
    before = _queued(occasion, kind)
    for some in batched(members, BATCH):
        Outgoing.objects.bulk_create(
            [
                Outgoing(
                    member_id=pk,
                    purpose=Purpose.SERVICE,
                    occasion=occasion,
                    kind=kind,
                    planned_at=now,
                    due_at=now,
                )
                for pk in some
            ],
            ignore_conflicts=True,
        )
    return _queued(occasion, kind) - before


def _queued(occasion: UUID, kind: LetterKind) -> int:
    return Outgoing.objects.filter(purpose=Purpose.SERVICE, occasion=occasion, kind=kind).count()


def cancel_service(*, occasion: UUID, kind: LetterKind) -> int:
    """A request's letter that waits is not sent, for the request is over. Joins the caller's transaction."""
    waiting = Outgoing.objects.filter(occasion=occasion, kind=kind, state__in=rules.WAITING)
    return waiting.update(state=State.CANCELLED, reason=Reason.TAKEN_BACK)
