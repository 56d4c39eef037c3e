"""A person's mail that reached the service: handed on to the study's inbox unread, and a case by code with a deadline.

Nothing of its words is kept. "Delete me" is a withdrawal, and a case is where somebody sees to it in time. Which
messages a person wrote is bounces.py's to say; what a case leads to (a stop, a link, an address) is panel/rights'.
"""

import logging
from collections.abc import Collection
from datetime import date, datetime, timedelta
from email import policy
from email.errors import MessageError
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from enum import Enum
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, Damaged, NotNow
from panel.invitations import post
from panel.invitations.models import Outgoing, ReplyCase
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.vault import services as vault
from panel.vault.rules import is_usable_address, tidy_address

logger = logging.getLogger(__name__)

READER = Actor.system("mailbox")
State = ReplyCase.State
Outcome = ReplyCase.Outcome
Way = ReplyCase.Way

#: Of a sender's line so much is read.
FROM_MAX = 1000
#: Who writes hears from somebody within a week.
ANSWER_WITHIN = timedelta(days=7)
SOON = timedelta(days=2)
#: What somebody who dealt with a mail outside this service closes its case with.
BY_HAND = (Outcome.ANSWERED, Outcome.NOTHING)


class Taken(Enum):
    """What became of a person's mail. Only what was passed on may leave the mailbox."""

    PASSED_ON = "passed on"
    LATER = "the mail server doesn't take it now"
    LOOP = "it was passed on before and came back"
    NOWHERE = "no inbox to pass it on to"
    HELD = "the mail server doesn't take this one now"
    REFUSED = "the mail server never takes this one"


HANDED = {
    post.Outcome.ACCEPTED: Taken.PASSED_ON,
    post.Outcome.LATER: Taken.HELD,
    post.Outcome.MAIL_REFUSED: Taken.REFUSED,
    post.Outcome.ADDRESS_REFUSED: Taken.REFUSED,
}


def take_in(*, message: bytes, row_id: UUID | None, now: datetime) -> Taken:
    """Passes a person's mail on, and opens the case of who wrote it. `row_id`: the letter it answers, if known.

    The mail first, then the case: what breaks in between passes it on twice, and loses it never. One that the server
    refuses for good (for what is attached to it, say) has its case too, and lies aside for who sees to that.
    """
    member = _of_letter(row_id) or _of_sender(message)
    inbox = member.study.contact_email if member else _inbox_of_strangers()
    if not inbox:
        return Taken.NOWHERE
    if post.was_passed_on(message):
        return Taken.LOOP
    taken = HANDED.get(post.pass_on(message, to=inbox, now=now), Taken.LATER)
    if taken in (Taken.LATER, Taken.HELD):
        return taken
    if member is None:
        audit.record(by=READER, verb="reply.unknown", now=now)
    else:
        open_case(by=READER, member=member, way=Way.PASSED_ON, received_on=timezone.localdate(now), now=now)
    return taken


@transaction.atomic
def open_case(
    *, by: Actor, member: PanelMember, way: Way | str, received_on: date, now: datetime
) -> ReplyCase:
    """The member's open case, made at first need; one more mail before it is closed keeps its day."""
    permissions.check(by, member.study, Verb.HANDLE_REPLY)
    today = timezone.localdate(now)
    if not today - timedelta(days=365) <= received_on <= today:
        raise BadInput(_("Give the day on which it was received: today or earlier, within the last year."))
    PanelMember.objects.select_for_update().get(pk=member.pk)
    case, new = ReplyCase.objects.get_or_create(
        member=member, state=State.OPEN,
        defaults={"way": Way(way), "received_on": received_on, "due_on": received_on + ANSWER_WITHIN},
    )  # fmt: skip
    if not new:
        ReplyCase.objects.filter(pk=case.pk).update(mails=F("mails") + 1)
        case.refresh_from_db(fields=["mails"])
    _tell(by, case, "reply.received", now, way=str(way), mails=case.mails)
    return case


@transaction.atomic
def close(*, by: Actor, case: ReplyCase, outcome: Outcome | str, reason: str = "", now: datetime) -> None:
    """Somebody dealt with it. That there was nothing to do wants a reason."""
    if outcome not in BY_HAND:
        raise BadInput(_("Say how it ended, in one of the listed words."))
    detail = {"reason": words.reason(reason)} if outcome == Outcome.NOTHING or reason.strip() else {}
    end(by=by, case=case, outcome=Outcome(outcome), now=now, **detail)


def end(*, by: Actor, case: ReplyCase, outcome: Outcome, now: datetime, **detail: str) -> None:
    """Closes a case with what was done about it, in the transaction that did it."""
    permissions.check(by, case.member.study, Verb.HANDLE_REPLY)
    mine = ReplyCase.objects.filter(pk=case.pk, state=State.OPEN)
    today = timezone.localdate(now)
    if not mine.update(state=State.CLOSED, outcome=outcome, closed_on=today, handled_by=by.name):
        raise NotNow(_("This case is closed."))
    case.state, case.outcome, case.closed_on, case.handled_by = State.CLOSED, outcome, today, by.name
    _tell(by, case, "reply.closed", now, outcome=outcome.value, **detail)


def pressure(studies: Collection[Study] | QuerySet[Study], *, today: date) -> dict[str, int]:
    """How many cases wait in these studies, those past their day among them. One query."""
    found = ReplyCase.objects.filter(member__study__in=studies, state=State.OPEN)
    return found.aggregate(replies=Count("pk"), replies_late=Count("pk", filter=Q(due_on__lt=today)))


# --- whose mail it is


def _of_letter(row_id: UUID | None) -> PanelMember | None:
    """Whom the letter went to that this mail answers."""
    row = Outgoing.objects.filter(pk=row_id).select_related("member__study").first() if row_id else None
    return row.member if row else None


def _of_sender(message: bytes) -> PanelMember | None:
    """The one member who has the address it came from; of several nobody is guessed."""
    address = _from(message)
    if not address:
        return None
    try:
        codes = [card.code for card in vault.find_by_address([address])[address]]
    except Damaged:
        logger.error("A card does not open, so a mail has no case. Run `manage.py keys verify`.")
        return None
    found = list(PanelMember.objects.filter(code__in=codes, study__ended_at=None).select_related("study")[:2])
    return found[0] if len(found) == 1 else None


def _from(message: bytes) -> str:
    """The sender's address, tidied; blank where there is none that can be read."""
    try:
        named = BytesHeaderParser(policy=policy.compat32).parsebytes(message).get("From", "")
        address = tidy_address(parseaddr(str(named)[:FROM_MAX])[1])
    except (MessageError, ValueError, LookupError, RecursionError):
        return ""
    return address if is_usable_address(address) else ""


def _inbox_of_strangers() -> str:
    """Where a mail goes that nobody can place: the operator, else the only study there is."""
    inboxes = Study.objects.filter(ended_at=None).values_list("contact_email", flat=True).distinct()[:2]
    return settings.OPERATOR_EMAIL or (inboxes[0] if len(inboxes) == 1 else "")


def _tell(by: Actor, case: ReplyCase, verb: str, now: datetime, **detail: str | int) -> None:
    member = case.member
    audit.record(by=by, verb=verb, now=now, study=member.study.slug, subject=member.code, detail=detail)
