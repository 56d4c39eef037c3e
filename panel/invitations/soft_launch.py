"""A soft launch: how its first letters fared, and the rest following by itself where few of them failed.

Not here: who the first are (waves/sampling.py), a person's release (waves/services.py), what is due (queueing.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from panel.audit.rules import Actor
from panel.invitations import rules
from panel.invitations.models import Outgoing
from panel.invitations.rules import State
from panel.waves import rules as of_waves
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave

CLOCK = Actor.system("clock")
BATCH = 1000
BY_ITSELF = "few of the first letters failed"


@dataclass(frozen=True)
class Standing:
    """How the first letters fared: `tried` were handed over or meant to be, `failed` of these did not arrive."""

    first: int
    tried: int
    failed: int
    is_fine: bool
    decides_on: date


def standing(wave: Wave) -> Standing | None:
    """None where nothing waits for the first letters. Two queries."""
    soft = wave.planned.soft_launch
    if soft is None or wave.rest_released_at or wave.status != Wave.Status.OPEN:
        return None
    main = Outgoing.objects.filter(
        case__wave=wave, case__first_batch=True, kind=rules.MAIN_OF[wave.kind]
    ).annotate(
        bounced=Exists(CaseEvent.objects.filter(case=OuterRef("case"), kind=CaseEvent.Kind.BOUNCED)),
    )
    unsent = Q(state__in=(State.FAILED, State.UNCONFIRMED)) | Q(state=State.DEFERRED, reason__in=rules.ERRORS)
    failed = unsent | Q(bounced=True)
    counts = main.aggregate(
        tried=Count("pk", filter=failed | Q(state=State.SENT)), bad=Count("pk", filter=failed)
    )
    first = wave.cases.filter(first_batch=True).count()
    return Standing(
        first=first,
        tried=counts["tried"],
        failed=counts["bad"],
        is_fine=of_waves.soft_launch_is_fine(soft, first=first, tried=counts["tried"], failed=counts["bad"]),
        decides_on=rules.local_day(wave.opens_at) + timedelta(days=soft.days),
    )


def go_on(*, wave: Wave, now: datetime) -> None:
    """Releases the rest once its day has come, where few failed; else it waits for a person."""
    found = standing(wave)
    if found and found.is_fine and rules.local_day(now) >= found.decides_on:
        waves.release_rest(by=CLOCK, wave=wave, reason=BY_ITSELF, now=now)


def count_unsent(*, now: datetime) -> None:
    """Who a soft launch kept waiting until the close was not asked, and is counted as such."""
    counted = CaseEvent.objects.filter(case=OuterRef("pk"), kind=CaseEvent.Kind.NOT_SENT)
    waited = Case.objects.filter(
        ~Exists(counted), first_batch=False, wave__status=Wave.Status.CLOSED, wave__rest_released_at=None
    )
    while cases := list(waited[:BATCH]):
        with transaction.atomic():
            waves.record_events(cases=cases, kind=CaseEvent.Kind.NOT_SENT, at=now)
