"""Where the letter to a new address goes: opened in the worker, for this letter alone.

Not here: the change itself (panel/rights/addresses.py) and the seal (panel/enrolment/intake.py).
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from panel.audit.rules import Actor
from panel.enrolment import intake, suppression
from panel.enrolment.models import NewAddress
from panel.errors import Damaged
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, Verdict

SENDER = Actor.system("sender")
REASON = "asking the new address"


def opened(letters: Collection[Outgoing], now: datetime) -> tuple[dict[UUID, str], dict[Outgoing, Verdict]]:
    """The address of each letter to a new one, and why one has none: its request is over, it may
    never be written to (LAW-13), or it doesn't open.
    """
    rows = [row for row in letters if row.kind == LetterKind.CONFIRM_ADDRESS]
    if not rows:
        return {}, {}
    kept = NewAddress.objects.filter(pk__in=[row.occasion for row in rows]).select_related("member__study")
    waiting = {one.pk: one for one in kept}
    addresses: dict[UUID, str] = {}
    none: dict[Outgoing, Verdict] = {}
    for row in rows:
        one = waiting.get(row.occasion)
        if one is None or one.member_id != row.member_id:
            none[row] = Verdict(Reason.TAKEN_BACK)
            continue
        try:
            address = intake.open_address(one, by=SENDER, reason=REASON, now=now)
        except Damaged:  # it must not hold up the letters beside it
            none[row] = Verdict(Reason.NO_CARD)
            continue
        if suppression.suppressed(row.member.study, [address]):
            none[row] = Verdict(Reason.SUPPRESSED)
        else:
            addresses[row.pk] = address
    return addresses, none
