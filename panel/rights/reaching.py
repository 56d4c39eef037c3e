"""What a contact keeper does about a member who wrote or whom no letter reaches, each with its audit row.

One act and the case that says so, or neither. Cases themselves are panel/invitations' (lost_contacts.py, replies.py);
the acts are own.py's, services.py's, addresses.py's and requests.py's.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations import again, lost_contacts, replies
from panel.invitations.models import LostContact, LostContactStep, ReplyCase
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.rights import acts, addresses, requests, selectors, services
from panel.rights.models import AddressChange, Request, Stop

State = AddressChange.State
#: Letters with a lost link that staff send to one member in a day: each goes to a mailbox at once.
DAILY = 5


@transaction.atomic
def send_link(*, by: Actor, member: PanelMember, now: datetime) -> None:
    """The links of a member who lost them, at once: to the own page, and to the questions that are open."""
    permissions.check(by, member.study, Verb.HANDLE_REPLY)
    PanelMember.objects.select_for_update().get(pk=member.pk)
    if member.status == PanelMember.Status.DELETING:
        raise NotNow(_("This member can’t be written to any more: all contact stopped."))
    if again.sent(member, days=1, now=now) >= DAILY:
        raise NotNow(
            _(
                "So many links went to this member today that one more won’t help. Ask them to look in their spam."
            )
        )
    again.queue(member=member, now=now)
    audit.record(by=by, verb="link.sent_again", now=now, study=member.study.slug, subject=member.code)


# --- a new address


@transaction.atomic
def accept_address(*, by: Actor, change: AddressChange, reason: str, now: datetime) -> None:
    """The contact keeper made sure that an address given by code, and confirmed there, is the member's."""
    study, code = change.member.study, change.member.code
    permissions.check(by, study, Verb.CHANGE_ADDRESS)
    why = words.reason(reason)
    waiting = AddressChange.objects.filter(
        pk=change.pk, state=State.CONFIRMED, by_code=True, accepted_at=None
    )
    if not waiting.update(accepted_at=now):
        raise NotNow(_("This change doesn’t wait to be accepted: it isn’t confirmed yet, or it is over."))
    change.accepted_at = now
    detail = {"change": str(change.pk), "reason": why}
    audit.record(
        by=by, verb="address_change.accepted", now=now, study=study.slug, subject=code, detail=detail
    )
    kind = LostContactStep.Kind.ADDRESS_ACCEPTED
    lost_contacts.note_address(by=by, member=change.member, kind=kind, now=now)


def to_accept(studies: Collection[Study] | QuerySet[Study]) -> QuerySet[AddressChange]:
    """What was given by code and confirmed there, and waits for a contact keeper."""
    return AddressChange.objects.filter(
        member__study__in=studies, state=State.CONFIRMED, by_code=True, accepted_at=None
    )


# --- cases of lost contact


@transaction.atomic
def close_lost(
    *, by: Actor, case: LostContact, outcome: LostContact.Outcome | str, reason: str, now: datetime
) -> None:
    """Ends the search; not while a new address waits, for closing without one can cost the contact data."""
    if addresses.waiting_change(case.member, now=now):
        raise NotNow(
            _("A new address of this member waits. Let it be confirmed, accept it or stop it first.")
        )
    lost_contacts.close(by=by, case=case, outcome=outcome, reason=reason, now=now)


# --- cases of replies


@transaction.atomic
def link_for_reply(*, by: Actor, case: ReplyCase, now: datetime) -> None:
    """They lost their link."""
    send_link(by=by, member=case.member, now=now)
    replies.end(by=by, case=case, outcome=ReplyCase.Outcome.LINK_SENT, now=now)


@transaction.atomic
def address_for_reply(*, by: Actor, case: ReplyCase, address: str, reason: str, now: datetime) -> None:
    """They gave a new address."""
    acts.change_address(by=by, member=case.member, address=address, reason=reason, now=now)
    replies.end(by=by, case=case, outcome=ReplyCase.Outcome.ADDRESS_ASKED, now=now)


@transaction.atomic
def stop_for_reply(
    *,
    by: Actor,
    case: ReplyCase,
    rung: str,
    now: datetime,
    told_on: date,
    until: date | None = None,
    waive: bool = False,
    never_again: bool = False,
) -> None:
    """They want fewer letters, or to leave: "delete me" is a withdrawal, in force at once, with its receipt."""
    services.ask_stop(
        by=by, member=case.member, rung=rung, channel=Stop.Channel.TOLD_STAFF, until=until, told_on=told_on,
        case=selectors.running_case(case.member), waive=waive, never_again=never_again, now=now,
    )  # fmt: skip
    replies.end(by=by, case=case, outcome=ReplyCase.Outcome.STOPPED, now=now)


@transaction.atomic
def request_for_reply(*, by: Actor, case: ReplyCase, kind: str, asked: str, now: datetime) -> Request:
    """They ask something about their rights: the project leader answers, from the day the mail came."""
    made = requests.receive(
        by=by, member=case.member, kind=kind, channel=Request.Channel.MAIL, received_on=case.received_on,
        asked=asked, now=now,
    )  # fmt: skip
    replies.end(by=by, case=case, outcome=ReplyCase.Outcome.REQUESTED, now=now)
    return made
