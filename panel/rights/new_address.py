"""A new address given on a public page, by a member whom no letter reaches (docs/adr): code, name and address.

The page seals what was typed and learns nothing. A worker looks: where letters to the member come back for good, the
new address is asked to confirm, and a contact keeper has to accept it before anything changes; where they don't, the
address we have gets the link to the own page, where an address is changed. Whoever knows a code gets no further.
"""

import logging
from datetime import datetime, timedelta
from unicodedata import combining, normalize
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.errors import BadInput, Damaged, NotNow
from panel.invitations import lost_contacts
from panel.invitations.models import LostContactStep
from panel.keys.crypto import Place
from panel.members.models import PanelMember
from panel.members.rules import is_code, tidy_code
from panel.rights import addresses
from panel.rights.address_rules import usable
from panel.rights.models import GivenAddress
from panel.rights.own import is_frozen, queue_own_page
from panel.vault import services as vault
from panel.vault.rules import ContactData

logger = logging.getLogger(__name__)

WORKER = Actor.system("new addresses")
REASON = "a new address given on the public page"
#: So many may wait for a worker; more are forgotten unseen, so that a flood fills no table.
MOST, LOOK = 1000, 100
#: Names are guessed no more often than this.
GUESSES, WITHIN = 3, timedelta(days=7)
#: Code, name and address at their longest, in 64-byte blocks.
BLOCKS = 10
LONGEST_NAME = 80


def give(*, code: str, name: str, address: str, now: datetime) -> None:
    """Keeps what was typed, sealed, for a worker's next look."""
    if wrong := amiss(code=code, name=name, address=address):
        raise BadInput(next(iter(wrong.values())))
    tidied, code, name = usable(address), tidy_code(code), " ".join(name.split())
    if GivenAddress.objects.count() < MOST:
        given = GivenAddress(given_at=now)
        given.sealed = intake.seal_typed(
            "\n".join((code, name, tidied)), place=_place(given.pk), blocks=BLOCKS
        )
        given.save(force_insert=True)


def amiss(*, code: str, name: str, address: str) -> dict[str, str]:
    """What can't be right, by field. A code is told from a typing error by itself: it says nothing of members."""
    wrong: dict[str, str] = {}
    if not is_code(tidy_code(code)):
        wrong["code"] = _("Please check the code. It has nine letters and digits.")
    if not 0 < len(" ".join(name.split())) <= LONGEST_NAME:
        wrong["name"] = _("Please write your name as you gave it when you joined.")
    try:
        usable(address)
    except BadInput as refusal:
        wrong["address"] = str(refusal)
    return wrong


@transaction.atomic
def look(*, now: datetime) -> int:
    """Looks whose codes these are, and queues letters; returns for how many. In a worker."""
    rows = list(GivenAddress.objects.select_for_update().order_by("given_at")[:LOOK])
    if not rows:
        return 0
    asked = sum(_take(code, name, address, now) for code, name, address in filter(None, map(_opened, rows)))
    GivenAddress.objects.filter(pk__in=[row.pk for row in rows]).delete()
    audit.record(by=WORKER, verb="addresses.given", now=now, detail={"given": len(rows), "letters": asked})
    return asked


def _take(code: str, name: str, address: str, now: datetime) -> bool:
    found = PanelMember.objects.filter(code=code, study__ended_at=None, status=PanelMember.Status.ACTIVE)
    member = found.select_related("study").first()
    if member is None or is_frozen(member):
        return False
    if not member.unreachable and lost_contacts.open_case_of(member) is None:
        return queue_own_page(by=WORKER, member=member, now=now)
    return _ask(member, name, address, now)


def _ask(member: PanelMember, name: str, address: str, now: datetime) -> bool:
    """Asks the new address, where the name fits; else it is only noted, for whoever looks for the member."""
    case = lost_contacts.open_case(by=WORKER, member=member, now=now)
    since = timezone.localdate(now - WITHIN)
    guesses = case.steps.filter(kind=LostContactStep.Kind.WRONG_NAME, on__gt=since).count()
    card = _card(member, now)
    if guesses >= GUESSES or card is None:
        return False
    if not is_named(card, name):
        lost_contacts.note_address(by=WORKER, member=member, kind=LostContactStep.Kind.WRONG_NAME, now=now)
        return False
    try:
        return addresses.ask_by_code(by=WORKER, member=member, address=address, now=now)
    except NotNow:  # asked for too often, or there is no key at the moment
        return False


def is_named(card: ContactData, name: str) -> bool:
    """Whether somebody calls themselves by the card's first name, last name or both, in whatever order and case.

    A card without a name fits nobody: the code alone, which a letter may have shown, moves no letters.
    """
    said, known = _words(name), _words(f"{card.first_name} {card.last_name}")
    return bool(said) and said <= known


def _words(name: str) -> set[str]:
    plain = "".join(sign for sign in normalize("NFKD", name) if not combining(sign))
    return set(plain.casefold().replace("-", " ").split())


def _card(member: PanelMember, now: datetime) -> ContactData | None:
    try:
        opened = vault.open_cards([member.code], by=WORKER, reason=REASON, now=now, study=member.study.slug)
    except Damaged:
        logger.error("The card of %s does not open. Run `manage.py keys verify`.", member.code)
        return None
    return opened.get(member.code)


def _opened(row: GivenAddress) -> tuple[str, str, str] | None:
    """None where the key went since: whoever typed it may do so again."""
    try:
        code, name, address = intake.open_typed(bytes(row.sealed), place=_place(row.pk)).split("\n")
    except Damaged:
        logger.error("A new address that was given does not open.")
        return None
    return code, name, address


def _place(pk: UUID) -> Place:
    return Place("rights_givenaddress", "sealed", pk.bytes)
