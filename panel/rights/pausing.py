"""The pause that a mail program's button asks for, or a mark as unwanted mail: reversible, and never more (TOK-03).

A complaint (RFC 5965) is left by panel/invitations as a returned letter of that class; here it becomes the same stop
as a click on the button, which the member sees on their page and can take back.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations.models import Returned
from panel.invitations.return_models import Kind
from panel.members.models import PanelMember
from panel.rights import selectors
from panel.rights.models import Stop
from panel.rights.rules import ONE_CLICK_PAUSE, Rung
from panel.rights.services import ask_stop

logger = logging.getLogger(__name__)

READER = Actor.system("mailbox")
#: A failed check of our signature is reported in the same form; nobody complained.
NO_COMPLAINT = ("auth_failure",)


def pause(*, by: Actor, member: PanelMember, channel: Stop.Channel, now: datetime) -> Stop | None:
    """Pause from today; a longer pause, no mail at all or having left stand as they are."""
    until = timezone.localdate(now) + ONE_CLICK_PAUSE
    standing = [one for one in selectors.in_force(member, now=now) if one.rung != Rung.NO_REMINDERS]
    if any(stop.until is None or stop.until >= until for stop in standing):
        return None
    try:
        return ask_stop(by=by, member=member, rung=Rung.PAUSE, channel=channel, until=until, now=now)
    except NotNow:
        return None  # left for good: nothing is sent any more, which is what was asked


def heed_complaints(*, now: datetime) -> int:
    """Pauses letters to those who marked one as unwanted; returns how many complaints that were."""
    heeded = 0
    waiting = Returned.objects.filter(kind=Kind.COMPLAINT, acted_on=False).exclude(reason__in=NO_COMPLAINT)
    for complaint in waiting.select_related("letter__member__study"):
        with transaction.atomic():
            if Returned.objects.filter(pk=complaint.pk, acted_on=False).update(acted_on=True):
                pause(by=READER, member=complaint.letter.member, channel=Stop.Channel.COMPLAINT, now=now)
                heeded += 1
    return heeded
