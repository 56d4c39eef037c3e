"""What staff were told of a member for one wave, which ends it for them: recorded by a person, and taken back.

Why somebody could not take part is not kept: that may say something of their health. It is no stop either: who
is to get no letter of later waves leaves the panel by the ladder of stops (panel/rights).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.members import permissions
from panel.members.rules import Verb
from panel.waves import services
from panel.waves.models import Case, CaseEvent, Wave

Kind = CaseEvent.Kind
OUTCOMES = (Kind.DIED, Kind.LANGUAGE, Kind.UNABLE, Kind.ELIGIBILITY_LOST)


@transaction.atomic
def record(*, by: Actor, case: Case, outcome: CaseEvent.Kind | str, now: datetime) -> None:
    """Notes it as an event of the case; no further letter of this wave goes out."""
    _check(by, case)
    if outcome not in OUTCOMES:
        raise BadInput(_("There is no such outcome."))
    if _told(case).exists():
        raise NotNow(_("An outcome is recorded already. Take it back first."))
    services.record_event(case=case, kind=Kind(outcome), at=now)
    _note(by, case, "case.outcome_recorded", now)


@transaction.atomic
def take_back(*, by: Actor, case: Case, now: datetime) -> None:
    """It was a mistake: the case stands as its other events say."""
    _check(by, case)
    for event in _told(case):
        services.retract_events(cases=[case], kind=Kind(event.kind), at=event.at)
        _note(by, case, "case.outcome_taken_back", now)
        return
    raise NotNow(_("No outcome is recorded, so there is none to take back."))


def _check(by: Actor, case: Case) -> None:
    permissions.check(by, case.wave.study, Verb.RECORD_STOP)
    # Of two who record one at once the second finds the first one's.
    Case.objects.select_for_update().get(pk=case.pk)
    if case.wave.status == Wave.Status.CLOSED:
        raise NotNow(_("The wave is closed, and how its cases ended is final."))


def _told(case: Case) -> QuerySet[CaseEvent]:
    return CaseEvent.objects.filter(case=case, kind__in=OUTCOMES)


def _note(by: Actor, case: Case, verb: str, now: datetime) -> None:
    """The row doesn't repeat what was told."""
    wave = case.wave
    audit.record(
        by=by, verb=verb, now=now, study=wave.study.slug, subject=case.member.code, detail={"wave": wave.name}
    )
