"""What follows from a returned letter: its class is kept, two hard ones stop letters and open a lost-contact case.

Never evidence of where somebody lives or of leaving (RES-03): no place, status or flag is touched here. The same
message seen twice changes nothing. What a message is stands in bounces.py, where it comes from in inbound.py and
webhooks.py; a complaint's pause is put in force by panel/rights, which knows the ladder of stops.
"""

from datetime import date, datetime, time
from enum import Enum
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.invitations import bounces, lost_contacts
from panel.invitations.bounces import Finding, Kind
from panel.invitations.models import LetterKind, Outgoing, Returned
from panel.members import services as members
from panel.members.models import PanelMember
from panel.waves import services as waves
from panel.waves.models import CaseEvent

READER = Actor.system("mailbox")
SENDER = Actor.system("sender")
#: So many letters that can't have arrived, and the address is taken as dead: one may be a system's mistake.
ENOUGH = 2


class Noted(Enum):
    """What became of a returned message."""

    COUNTED = "counted"
    KNOWN = "known"
    UNMATCHED = "unmatched"


@transaction.atomic
def note_return(*, by: Actor, row_id: UUID | None, finding: Finding, now: datetime) -> Noted:
    """Keeps the class of one message about one letter, and does what follows from it."""
    rows = Outgoing.objects.select_related("member__study", "case")
    row = rows.filter(pk=row_id).first() if row_id else None
    if row is None:
        return Noted.UNMATCHED
    return Noted.COUNTED if _keep(by, row, finding, now) else Noted.KNOWN


def refused_at_once(*, row: Outgoing, code: str, enhanced: str, now: datetime) -> None:
    """The mail server refused the address for good while the letter was handed over: one hard bounce, by the same
    rule. Joins the transaction that marks the row.
    """
    _keep(SENDER, row, bounces.by_code(enhanced or code), now)


def _keep(by: Actor, row: Outgoing, finding: Finding, now: datetime) -> bool:
    """One row for each class of a letter; False where it is there already."""
    member = PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=row.member_id)
    today = timezone.localdate(now)
    _kept, new = Returned.objects.get_or_create(
        letter=row,
        kind=finding.kind,
        defaults={"code": finding.code, "reason": finding.reason, "final": finding.final, "day": today},
    )
    if not new:
        return False
    detail = {
        "letter": str(row.pk),
        "kind": str(finding.kind),
        "code": finding.code,
        "reason": finding.reason,
    }
    audit.record(
        by=by, verb="letter.returned", now=now, study=member.study.slug, subject=member.code, detail=detail
    )
    if row.kind != LetterKind.CONFIRM_ADDRESS:  # else the card's own address was not written to
        _follow(by, row, member, finding, now)
    return True


def _follow(by: Actor, row: Outgoing, member: PanelMember, finding: Finding, now: datetime) -> None:
    if finding.final and row.case:
        waves.record_event(case=row.case, kind=CaseEvent.Kind.BOUNCED, at=now)
    dead = finding.final and not member.unreachable and failed_letters(member) >= ENOUGH
    if dead:
        members.mark_unreachable(by=by, members=[member], now=now)
    if dead or (finding.kind == Kind.ADDRESS_CHANGED and _still_wanted(member)):
        lost_contacts.open_case(by=by, member=member, now=now)


def _still_wanted(member: PanelMember) -> bool:
    return member.status == PanelMember.Status.ACTIVE


def failed_letters(member: PanelMember) -> int:
    """Letters to the present address that can't have arrived; those to an earlier one say nothing of it."""
    returned = Returned.objects.filter(letter__member=member, final=True)
    returned = returned.exclude(letter__kind=LetterKind.CONFIRM_ADDRESS)
    since: date | None = member.address_since
    if since:
        sent_before = Q(letter__sent_at__lt=_midnight(since)) | Q(letter__sent_at=None, day__lt=since)
        returned = returned.exclude(sent_before)
    return returned.values("letter").distinct().count()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=timezone.get_default_timezone())
