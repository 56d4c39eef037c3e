"""Objection to what rests on public interest (LAW-11): it stops at once what it concerns, by the ledger.

Where a study rests on consent the way is to withdraw it, which the ladder of stops does (services.py).
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import services as ledger
from consent.models import Purpose
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.journal import services as journal
from panel.members import permissions
from panel.members.models import LegalBasis, PanelMember
from panel.members.rules import Verb
from panel.rights.models import Stop
from panel.rights.rules import check_told
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave

#: What can be objected to. Service mail answers the member and is what the law demands.
PURPOSES = tuple(purpose for purpose in Purpose if purpose != Purpose.SERVICE)


@transaction.atomic
def object_to(
    *,
    by: Actor,
    member: PanelMember,
    purposes: Collection[str],
    channel: Stop.Channel | str,
    now: datetime,
    told_on: date | None = None,
) -> None:
    """Record it in the ledger; what is queued for these purposes has lost its basis from this moment on."""
    _check(by, member, purposes)
    today = timezone.localdate(now)
    check_told(told_on, joined_on=member.joined_on, today=today)
    chosen = [purpose for purpose in PURPOSES if purpose in purposes]
    ledger.object_to(
        study_key=member.study.key, subject=member.code, purposes=chosen, channel=Stop.Channel(channel),
        day=told_on or today,
    )  # fmt: skip
    if Purpose.WAVES in chosen:
        cases = Case.objects.filter(member=member).exclude(wave__status=Wave.Status.CLOSED)
        waves.record_events(cases=list(cases), kind=CaseEvent.Kind.REFUSED, at=now)
    detail = {"purposes": [str(purpose) for purpose in chosen], "channel": str(channel)}
    slug, code = member.study.slug, member.code
    audit.record(by=by, verb="objection.recorded", now=now, study=slug, subject=code, detail=detail)
    journal.record(kind=journal.Kind.OBJECTED, study=slug, code=code, payload=detail, now=now)


def _check(by: Actor, member: PanelMember, purposes: Collection[str]) -> None:
    permissions.check_self_or_acting(by, member, Verb.ANSWER_REQUEST)
    if member.study.legal_basis != LegalBasis.PUBLIC_INTEREST:
        raise NotNow(_("This study rests on consent: withdrawing it is the way, and needs no reason."))
    if not purposes or not set(purposes) <= set(PURPOSES):
        raise BadInput(_("Choose what the member objects to."))
