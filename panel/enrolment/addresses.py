"""A member's address, changed in the card; and who shares an address with whom afterwards.

When it may change is decided above (panel/rights/addresses.py). The caller holds the study's row, so that
households are settled by one at a time, and writes `default` last.
"""

from datetime import datetime
from uuid import UUID, uuid4

from panel.audit.rules import Actor
from panel.enrolment import persons
from panel.members import services as members
from panel.members.models import PanelMember
from panel.vault import services as vault

REASON = "change of address"


def change_address(*, by: Actor, member: PanelMember, address: str, now: datetime) -> None:
    """Seals the new address into the card. The old household is found by its mark, so a second try may follow
    a crash in between.
    """
    vault.change_address(member.code, address, by=by, reason=REASON, now=now, study=member.study.slug)
    old, new = member.shared_address, _mark_at(address, member)
    members.settle_address(by=by, member=member, shared_address=new, now=now)
    if old is not None and old != new:
        left = PanelMember.objects.filter(study=member.study, shared_address=old)
        if left.count() == 1:
            left.update(shared_address=None)
    persons.mark_moved(member=member, address=address)


def _mark_at(address: str, member: PanelMember) -> UUID | None:
    """The mark of all the study's members at this address; None where nobody else is."""
    there = {card.code for card in vault.find_by_address([address])[address]} - {member.code}
    others = PanelMember.objects.filter(study=member.study, code__in=there)
    marks = list(others.values_list("shared_address", flat=True))
    if not marks:
        return None
    mark = next((one for one in marks if one), None) or uuid4()
    others.update(shared_address=mark)
    return mark
