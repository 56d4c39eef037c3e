"""Reads for the member's own page: what is held of them, by kind, day and number.

No answer is among it and no letter's words: a phone is often shared. Everything in full is the copy's
(copies.py).
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from consent import selectors as consent
from panel.invitations.models import Outgoing
from panel.members.models import PanelMember
from panel.residency.models import Evidence, Flag, Spell
from panel.responses.models import Response
from panel.rights import selectors
from panel.rights.models import Stop
from panel.rights.own import is_frozen
from panel.rights.rules import Rung


@dataclass(frozen=True)
class Agreed:
    """What the ledger's last entry says of one purpose."""

    purpose: str
    action: str
    day: date


@dataclass(frozen=True)
class Sent:
    """One letter that was sent: its kind and day, never its words or its link."""

    kind: str
    day: date


@dataclass(frozen=True)
class Overview:
    """All that the own page says."""

    contact_gone: bool
    frozen: bool
    recruitment: bool
    answered: list[date]
    begun: int
    consents: list[Agreed]
    letters: list[Sent]
    stops: list[Stop]


def overview(member: PanelMember, *, now: datetime) -> Overview:
    """What is held of a member, in a constant number of queries."""
    responses = Response.objects.filter(case__member=member).values_list("completed_at", flat=True)
    completed = [moment for moment in responses if moment]
    return Overview(
        contact_gone=contact_gone(member),
        frozen=is_frozen(member),
        recruitment=hasattr(member, "recruitment_record"),
        answered=sorted(timezone.localdate(moment) for moment in completed),
        begun=len(responses) - len(completed),
        consents=agreed(member),
        letters=letters(member),
        stops=selectors.in_force(member, now=now),
    )


def contact_gone(member: PanelMember) -> bool:
    """Whether name and address were destroyed: who left and kept the answers has no card any more."""
    return Stop.objects.filter(member=member, rung=Rung.LEAVE_KEEP, state=Stop.State.DONE).exists()


def agreed(member: PanelMember) -> list[Agreed]:
    """The last entry of each purpose, in the order in which they were first asked."""
    latest = {one.purpose: one for one in consent.history(study_key=member.study.key, subject=member.code)}
    return [Agreed(one.purpose, one.action, one.day) for one in latest.values()]


def letters(member: PanelMember) -> list[Sent]:
    """Letters that were sent, the newest first."""
    sent = Outgoing.objects.filter(member=member, state=Outgoing.State.SENT, sent_at__isnull=False)
    found = sent.order_by("-sent_at").values_list("kind", "sent_at")
    return [Sent(kind, timezone.localdate(moment)) for kind, moment in found]


@dataclass(frozen=True)
class Residence:
    """Where the study understands the member to have lived, and what they told, the newest first."""

    spells: list[Spell]
    told: list[Evidence]
    looked_at: bool


def residence(member: PanelMember) -> Residence:
    """Spells, evidence as it was told, and whether a change waits for somebody to look at it."""
    return Residence(
        spells=list(Spell.objects.filter(member=member).order_by("-from_month")),
        told=list(Evidence.objects.filter(member=member).order_by("-number")),
        looked_at=Flag.objects.filter(member=member, state=Flag.State.OPEN).exists(),
    )
