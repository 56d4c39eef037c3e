"""When contact data go (LAW-12). Pure: facts in, a reason out.

Silence is never a reason: who doesn't answer is reached again by the next letter. Nor is a refused address by itself;
somebody must have looked for a new one and closed the case of lost contact without finding it.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Ground(StrEnum):
    """Why a contact card goes."""

    DATE = "the date in the letter"
    LOST = "no address that works, and none was found"


@dataclass(frozen=True)
class Facts:
    """What decides on one member's card. `closed_without_address`: a case of lost contact ended so."""

    until: date | None
    unreachable: bool = False
    closed_without_address: bool = False


def ground(facts: Facts, *, today: date) -> Ground | None:
    """Why the card goes now; None while it stays. The day that members were told is the last one it is kept."""
    if facts.until is not None and today > facts.until:
        return Ground.DATE
    if facts.unreachable and facts.closed_without_address:
        return Ground.LOST
    return None
