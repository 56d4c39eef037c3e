"""A lost link is sent again (TOK-01): asked for by anybody with an address, answered alike for everybody.

The page seals the address and learns nothing; a worker looks who has it and queues a letter, once a day for each.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.errors import Damaged
from panel.keys.crypto import Place
from panel.members.models import PanelMember
from panel.rights.address_rules import usable
from panel.rights.models import AskedLink
from panel.rights.own import queue_own_page
from panel.vault import services as vault

logger = logging.getLogger(__name__)

WORKER = Actor.system("lost links")
#: So many may wait for a worker; more are forgotten unseen, so that a flood fills no table.
MOST, LOOK = 1000, 100


def ask_link(*, address: str, now: datetime) -> None:
    """Keeps a tidied address, sealed, for a worker's next look. Nobody is named, for nobody is known here."""
    tidied = usable(address)
    if AskedLink.objects.count() < MOST:
        asked = AskedLink(asked_at=now)
        asked.sealed = intake.seal_typed(tidied, place=_place(asked.pk))
        asked.save(force_insert=True)


@transaction.atomic
def mail_links(*, now: datetime) -> int:
    """Looks who has the addresses and queues their letters; returns how many. In a worker."""
    rows = list(AskedLink.objects.select_for_update().order_by("asked_at")[:LOOK])
    if not rows:
        return 0
    addresses = {address for row in rows if (address := _opened(row))}
    codes = [code for address in addresses for code in _codes_at(address)]
    found = PanelMember.objects.filter(code__in=codes, study__ended_at=None)
    queued = 0
    for member in found.exclude(status=PanelMember.Status.DELETING).select_related("study"):
        queued += queue_own_page(by=WORKER, member=member, now=now)
    AskedLink.objects.filter(pk__in=[row.pk for row in rows]).delete()
    audit.record(by=WORKER, verb="links.asked", now=now, detail={"asked": len(rows), "letters": queued})
    return queued


def _opened(row: AskedLink) -> str:
    """Blank where the key went since: whoever typed it may ask again."""
    try:
        return intake.open_typed(bytes(row.sealed), place=_place(row.pk))
    except Damaged:
        logger.error("A link that was asked for again does not open.")
        return ""


def _codes_at(address: str) -> list[str]:
    """One address at a time: a damaged card beside one keeps no other from its letter."""
    try:
        return [card.code for card in vault.find_by_address([address])[address]]
    except Damaged:
        logger.error("A card does not open, so a lost link was not sent. Run `manage.py keys verify`.")
        return []


def _place(pk: UUID) -> Place:
    return Place("rights_askedlink", "sealed", pk.bytes)
