"""What the desk does about a request besides answering it: a hold, a stop, a copy. Each leaves its note.

The acts themselves, with their audit rows, are members.hold, rights.services.ask_stop, objections and copies;
here one is done and the request says so, or neither.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.members import permissions
from panel.members import selectors as found
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.members.rules import Verb
from panel.rights import addresses, copies, objections, request_rules, services
from panel.rights.models import Request, Stop
from panel.rights.request_rules import Act
from panel.rights.requests import NoteKind, locked, note
from panel.rights.rules import Rung
from panel.waves.models import Case


@transaction.atomic
def restrict(*, by: Actor, request: Request, reason: str, now: datetime) -> None:
    """Freeze mails, edits and releases of this member; the data are kept (LAW-10)."""
    request, member = _begun(by, request, Verb.HOLD, Act.RESTRICT)
    members.hold(by=by, member=member, kind=Hold.Kind.RESTRICTION, reason=reason, now=now)
    note(by=by, request=request, kind=NoteKind.RESTRICTED, now=now)


@transaction.atomic
def copy(*, by: Actor, request: Request, now: datetime) -> None:
    """Have a copy of everything made; its link goes to the member alone, and nobody here reads it (LAW-08)."""
    request, member = _begun(by, request, Verb.ANSWER_REQUEST, Act.COPY)
    copies.ask_copy(by=by, member=member, now=now)
    note(by=by, request=request, kind=NoteKind.COPIED, now=now)


@transaction.atomic
def change_address(*, by: Actor, member: PanelMember, address: str, reason: str, now: datetime) -> None:
    """The contact keeper was told a new address; whatever request asked for it says so, without the address."""
    permissions.check(by, member.study, Verb.CHANGE_ADDRESS)
    addresses.ask_change(by=by, member=member, address=address, reason=reason, now=now)
    waiting = Request.objects.filter(
        member=member, kind=Request.Kind.RECTIFICATION, state__in=request_rules.UNANSWERED
    )
    for request in waiting.select_for_update():
        note(by=by, request=request, kind=NoteKind.CORRECTED, now=now)


@transaction.atomic
def lift(*, by: Actor, request: Request, now: datetime) -> None:
    """End the restriction; the member hears of it in the answer (GDPR 18(3))."""
    request, member = _begun(by, request, Verb.HOLD, Act.RESTRICT)
    held = found.standing_hold(member, Hold.Kind.RESTRICTION)
    if held is None:
        raise NotNow(_("This member is under no restriction."))
    members.lift(by=by, held=held, now=now)
    note(by=by, request=request, kind=NoteKind.LIFTED, now=now)


@transaction.atomic
def stop(
    *,
    by: Actor,
    request: Request,
    rung: Rung | str,
    told_on: date,
    now: datetime,
    until: date | None = None,
    case: Case | None = None,
    waive: bool = False,
    never_again: bool = False,
) -> Stop:
    """Record the rung that the member chose, as told to staff on that day."""
    request, member = _begun(by, request, Verb.RECORD_STOP, Act.STOP)
    asked = services.ask_stop(
        by=by, member=member, rung=rung, channel=Stop.Channel.TOLD_STAFF, told_on=told_on, until=until,
        case=case, waive=waive, never_again=never_again, now=now,
    )  # fmt: skip
    note(by=by, request=request, kind=NoteKind.STOPPED, now=now)
    return asked


@transaction.atomic
def object_to(
    *,
    by: Actor,
    request: Request,
    purposes: Collection[str],
    told_on: date,
    now: datetime,
    freeze: str = "",
) -> None:
    """Stop what the member objects to; with `freeze`, its reason, the use of their answers too (LAW-11)."""
    request, member = _begun(by, request, Verb.ANSWER_REQUEST, Act.OBJECT)
    objections.object_to(
        by=by, member=member, purposes=purposes, channel=Stop.Channel.TOLD_STAFF, told_on=told_on, now=now
    )
    note(by=by, request=request, kind=NoteKind.OBJECTED, now=now)
    if freeze.strip() and not found.is_restricted(member):
        restrict(by=by, request=request, reason=freeze, now=now)


def _begun(by: Actor, request: Request, verb: Verb, act: Act) -> tuple[Request, PanelMember]:
    """The request under a lock, and its member, where this act fits and this person may."""
    permissions.check(by, request.study, verb)
    request = locked(request)
    if act not in request_rules.acts(request.kind, request.study.legal_basis):
        raise NotNow(_("This doesn’t fit a request of this kind in a study of this legal basis."))
    if request.state == Request.State.CLOSED:
        raise NotNow(_("This request is closed."))
    if request.member is None:
        raise NotNow(_("This member’s data are deleted; there is nothing left to act on."))
    return request, request.member
