"""A copy of everything held, for the member alone (LAW-08): asked for, made by a worker, fetched with a link.

The letter with the link goes first; its token is stored nowhere, but a public key that hangs on it is, and to
that key a worker seals the copy a moment later. So nothing readable lies anywhere, for nobody but the mailbox.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow, Refusal
from panel.invitations import links
from panel.invitations.models import LetterKind, Link
from panel.invitations.services import queue_service
from panel.keys import crypto, macs
from panel.keys.crypto import Place
from panel.members import permissions
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.rights import addresses, copy_contents
from panel.rights.models import Copy, CopyRequest
from panel.rights.overview import contact_gone

logger = logging.getLogger(__name__)

WORKER = Actor.system("copies")
#: A copy a day, four a month: enough for a right, too little to watch somebody by.
DAY, MONTH, MOST = timedelta(days=1), timedelta(days=30), 4
#: Small copies are equally long: 64 KB. A longer one tells that it is long, and nothing else.
BLOCKS = 1024


@dataclass(frozen=True)
class Asked:
    """A request, and the token of its link where no letter can bring it: the address is deleted."""

    request: CopyRequest
    token: str = ""


@transaction.atomic
def ask_copy(*, by: Actor, member: PanelMember, now: datetime) -> Asked:
    """Asks for a copy. Needs neither KEK nor vault; a restriction doesn't stand in its way."""
    permissions.check_self_or_acting(by, member, Verb.ANSWER_REQUEST)
    member = PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=member.pk)
    if member.status == PanelMember.Status.DELETING:
        raise NotNow(_("Everything is about to be deleted, so no copy is made. You can undo that first."))
    _check_limit(member, now)
    _check_settled(member, now)
    request = CopyRequest.objects.create(member=member, told_staff=by.kind != "member", asked_at=now)
    token = ""
    if not contact_gone(member):
        queue_service(member=member, occasion=request.pk, now=now, kind=LetterKind.COPY_READY)
    elif by.kind == "member":
        token = _mint(request, now)
    else:
        raise NotNow(_("This member’s address is deleted: only they can fetch a copy, on their own page."))
    _note(by, request, "copy.asked", now)
    return Asked(request, token)


def _check_limit(member: PanelMember, now: datetime) -> None:
    asked = CopyRequest.objects.filter(member=member)
    if asked.filter(asked_at__gt=now - DAY).exists():
        raise NotNow(_("A copy was asked for within the last 24 hours. Its letter comes, or came, by email."))
    if asked.filter(asked_at__gt=now - MONTH).count() >= MOST:
        raise NotNow(_("Several copies were asked for this month. Please wait a few days, or write to us."))


def _check_settled(member: PanelMember, now: datetime) -> None:
    """A copy is all there is of somebody: an address that was only just given doesn't get it."""
    if not contact_gone(member) and not addresses.is_settled(member, now=now):
        raise NotNow(
            _(
                "Your address is being changed, or was changed a moment ago. To keep your data safe, a copy can be "
                "asked for three days after that."
            )
        )


def _mint(request: CopyRequest, now: datetime) -> str:
    new = links.NewLink(Link.Use.COPY, request.member, None, request.pk)
    return links.mint_many([new], today=timezone.localdate(now))[0]


# --- in a worker


def make_copies(*, now: datetime) -> int:
    """Makes the copies whose link has been sent; returns how many. One that fails is tried again at each beat."""
    waiting = Link.objects.filter(use=Link.Use.COPY, copy=None, public__isnull=False)
    made = 0
    for link in waiting.select_related("member__study").order_by("made_on"):
        try:
            made += _make(link, now)
        except (Refusal, Error) as error:  # without its text: a database's can hold a row
            logger.error("The copy of %s was not made: %s.", link.member.code, type(error).__name__)
    return made


@transaction.atomic
def _make(link: Link, now: datetime) -> int:
    if link.occasion is None or link.public is None:
        return 0
    asked = CopyRequest.objects.select_for_update(of=("self",)).select_related("member__study")
    request = asked.filter(pk=link.occasion, member=link.member).first()
    if request is None or is_ready(link):  # erased meanwhile, or made by another worker
        return 0
    contents = copy_contents.collect(link.member, by=WORKER, now=now)
    plain = json.dumps(contents, ensure_ascii=False).encode()
    sealed = crypto.seal_to(bytes(link.public), plain, place=_place(link), blocks=BLOCKS)
    Copy.objects.create(link=link, request=request, sealed=sealed, made_at=now)
    _note(WORKER, request, "copy.made", now)
    return 1


# --- fetched


def is_ready(link: Link) -> bool:
    """Whether the copy of this link is made."""
    return Copy.objects.filter(link=link).exists()


@transaction.atomic
def fetch_copy(*, by: Actor, link: Link, token: str, now: datetime) -> dict[str, Any]:
    """The copy in clear, for who holds the token; nobody without it can open what is stored."""
    permissions.check_self(by, link.member)
    copy = Copy.objects.select_related("request__member__study").filter(link=link).first()
    if copy is None:
        raise NotNow(_("The copy is still being made. Please load this page again in a minute."))
    private = macs.copy_keys(token)[0]
    plain = crypto.open_with_private(bytes(copy.sealed), private=private, place=_place(link))
    Copy.objects.filter(pk=copy.pk).update(fetched_at=now)
    _note(by, copy.request, "copy.fetched", now)
    contents: dict[str, Any] = json.loads(plain)
    return contents


def _place(link: Link) -> Place:
    return Place("rights_copy", "sealed", bytes(link.hash))


def _note(by: Actor, request: CopyRequest, verb: str, now: datetime) -> None:
    member = request.member
    detail = {"request": str(request.pk)}
    audit.record(by=by, verb=verb, now=now, study=member.study.slug, subject=member.code, detail=detail)
