"""Requests on rights: received, advised on, extended, answered, closed. The project leader acts.

The data-protection officer reads and advises; their acting would be a conflict of interest. What an answer
does to data (a copy, a hold, an objection, a stop) is acts.py's.
"""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations.models import LetterKind
from panel.invitations.services import queue_service
from panel.logs import masked
from panel.members import permissions
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.rights import messages
from panel.rights import request_rules as rules
from panel.rights.models import Request, RequestNote
from panel.rights.request_rules import State

NoteKind = RequestNote.Kind
Channel = Request.Channel


@transaction.atomic
def receive(
    *,
    by: Actor,
    member: PanelMember,
    kind: Request.Kind | str,
    channel: Request.Channel | str,
    now: datetime,
    received_on: date | None = None,
    asked: str = "",
) -> Request:
    """Record a request, with a receipt. Who asks the same twice on their own page has asked once."""
    _check_asks(by, member, channel)
    kind, today = _kind(kind), timezone.localdate(now)
    day = received_on or today
    rules.check_received(day, today=today)
    PanelMember.objects.select_for_update().get(pk=member.pk)
    if by.kind == "member" and (standing := _standing(member, kind)):
        return standing
    request = Request.objects.create(
        study=member.study, member=member, code=member.code, kind=kind, channel=Channel(channel),
        received_on=day, due_on=rules.due_on(day),
    )  # fmt: skip
    note(by=by, request=request, kind=NoteKind.RECEIVED, text=masked(asked.strip()), now=now)
    if can_write(member):
        queue_service(member=member, occasion=request.pk, now=now)
    _tell(by, request, "request.received", now)
    return request


@transaction.atomic
def advise(*, by: Actor, request: Request, advice: str, now: datetime) -> RequestNote:
    """The data-protection officer's word on it, for the project leader; it changes nothing else."""
    permissions.check(by, request.study, Verb.ADVISE)
    request = locked(request)
    if request.state == State.CLOSED:
        raise NotNow(_("This request is closed."))
    written = note(by=by, request=request, kind=NoteKind.ADVISED, text=words.reason(advice), now=now)
    _tell(by, request, "request.advised", now)
    return written


@transaction.atomic
def extend(*, by: Actor, request: Request, reason: str, now: datetime) -> None:
    """Sixty more days, once, in time, and told to the member with the reason (GDPR 12(3))."""
    permissions.check(by, request.study, Verb.ANSWER_REQUEST)
    request = locked(request)
    rules.check_extension(request.due_on, today=timezone.localdate(now))
    why = words.reason(reason)
    _move(request, State.EXTENDED, due_on=rules.extended_due_on(request.received_on))
    _write(by, request, reason, now)
    note(by=by, request=request, kind=NoteKind.EXTENDED, text=why, now=now)
    _tell(by, request, "request.extended", now)


@transaction.atomic
def answer(*, by: Actor, request: Request, done: str, now: datetime, text: str = "") -> None:
    """The answer, read on the member's own page, and what was done, kept here.

    To who is gone or is being deleted nothing is written: all contact stopped then.
    """
    permissions.check(by, request.study, Verb.ANSWER_REQUEST)
    request = locked(request)
    _move(request, State.ANSWERED, answered_on=timezone.localdate(now))
    if can_write(request.member):
        _write(by, request, text, now)
    note(by=by, request=request, kind=NoteKind.ANSWERED, text=words.reason(done), now=now)
    _tell(by, request, "request.answered", now)


@transaction.atomic
def close(*, by: Actor, request: Request, reason: str, now: datetime) -> None:
    """Ends it: after its answer, or without one where the member took it back."""
    permissions.check(by, request.study, Verb.ANSWER_REQUEST)
    request = locked(request)
    why = words.reason(reason)
    _move(request, State.CLOSED)
    note(by=by, request=request, kind=NoteKind.CLOSED, text=why, now=now)
    _tell(by, request, "request.closed", now)


def can_write(member: PanelMember | None) -> bool:
    """Whether a letter may go to them: not once they are gone or are being deleted."""
    return member is not None and member.status != PanelMember.Status.DELETING


def locked(request: Request) -> Request:
    """The request as it is now, for this transaction alone."""
    mine = Request.objects.select_for_update(of=("self",)).select_related("study", "member__study")
    return mine.get(pk=request.pk)


def note(
    *, by: Actor, request: Request, kind: RequestNote.Kind, now: datetime, text: str = ""
) -> RequestNote:
    """One line of a request's history. Joins the caller's transaction."""
    number = request.notes.count() + 1
    return RequestNote.objects.create(
        request=request, number=number, kind=kind, by=by.name, at=now, words=text
    )


# --- parts


def _check_asks(by: Actor, member: PanelMember, channel: str) -> None:
    permissions.check_self_or_acting(by, member, Verb.RECORD_STOP)
    if (by.kind == "member") != (channel == Channel.OWN_PAGE):
        raise BadInput(_("Say how it reached you: by mail, on the phone or by letter."))


def _kind(kind: str) -> Request.Kind:
    if kind not in Request.Kind.values:
        raise BadInput(_("Say what the member asks for, in one of the listed words."))
    return Request.Kind(kind)


def _standing(member: PanelMember, kind: Request.Kind) -> Request | None:
    return Request.objects.filter(
        member=member, kind=kind, channel=Channel.OWN_PAGE, state__in=rules.UNANSWERED
    ).first()


def _move(request: Request, to: State, **values: date) -> None:
    if not rules.may_become(request.state, to):
        raise NotNow(_("This can’t be done in the request’s present state. Load its page again."))
    Request.objects.filter(pk=request.pk).update(state=to, **values)
    request.state = to


def _write(by: Actor, request: Request, text: str, now: datetime) -> None:
    """Words for the member, on their own page."""
    if request.member is None or not can_write(request.member):
        raise NotNow(_("This member can’t be written to any more: all contact stopped."))
    if not text.strip():
        raise BadInput(_("Write what the member will read."))
    messages.write(
        by=by, study=request.study, member=request.member, kind=LetterKind.ANSWER,
        words={request.member.language: text}, now=now,
    )  # fmt: skip


def _tell(by: Actor, request: Request, verb: str, now: datetime) -> None:
    """The audit trail has no words of it: what a member asks can be about anything."""
    detail = {"kind": request.kind, "channel": request.channel, "state": request.state}
    audit.record(by=by, verb=verb, now=now, study=request.study.slug, subject=request.code, detail=detail)
