"""A member told staff that the study must never contact them again, and their answers stay (LAW-13).

Who leaves says so with the stop itself (services.py); then it is carried out with the erasure of the card.
"""

from datetime import datetime

from django.db import transaction

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import suppression
from panel.members import permissions
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.rights import selectors
from panel.rights.models import Stop
from panel.rights.rules import Rung
from panel.rights.services import ask_stop


@transaction.atomic
def suppress_member(*, by: Actor, member: PanelMember, reason: str, now: datetime) -> None:
    """No more mail from now on, and no file brings the address back. Runs where cards may be opened."""
    permissions.check(by, member.study, Verb.RECORD_STOP)
    why, slug = words.reason(reason), member.study.slug
    if Rung.NO_MAIL in selectors.rungs_offered(member, None):
        ask_stop(by=by, member=member, rung=Rung.NO_MAIL, channel=Stop.Channel.TOLD_STAFF, now=now)
    suppression.suppress(by=by, member=member, now=now)
    audit.record(
        by=by, verb="member.suppressed", now=now, study=slug, subject=member.code, detail={"reason": why}
    )
