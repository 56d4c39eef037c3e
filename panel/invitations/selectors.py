"""Reads on the outbox for who looks at a whole wave: counts of letters. No member and no address."""

from dataclasses import dataclass

from django.db.models import Count

from panel.invitations.models import LostContact, Outgoing
from panel.waves.models import Wave


@dataclass(frozen=True)
class Letters:
    """So many letters of a wave are alike: of one step, in one state, for one reason."""

    kind: str
    ordinal: int
    state: str
    reason: str
    number: int


def letters_of(wave: Wave) -> list[Letters]:
    """All letters of a wave: one query, a few rows."""
    alike = ("kind", "ordinal", "state", "reason")
    rows = Outgoing.objects.filter(case__wave=wave).order_by().values(*alike).annotate(number=Count("pk"))
    return [Letters(**row) for row in rows.order_by(*alike)]


def lost_contacts(wave: Wave) -> int:
    """For how many members of a wave somebody looks for another address now."""
    return LostContact.objects.filter(state=LostContact.State.OPEN, member__cases__wave=wave).count()
