"""What a person decides on letters: on one in doubt, on all in doubt, and on having failed ones tried again.

Each in one transaction with its audit. Not here: what a worker or a sweep decides (sending.py, services.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations import rules
from panel.invitations.models import Outgoing
from panel.invitations.rules import Reason, State
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.sets import batched
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave


@transaction.atomic
def decide_unconfirmed(*, by: Actor, row: Outgoing, send_again: bool, reason: str, now: datetime) -> None:
    """A person decides on a doubtful letter: send it again, or take it as sent, a contact made."""
    study = row.member.study
    permissions.check(by, study, Verb.DECIDE_UNCONFIRMED)
    why = words.reason(reason)
    if not _decide(Outgoing.objects.filter(pk=row.pk, state=State.UNCONFIRMED), send_again, now):
        raise NotNow(_("The letter is no longer in doubt: load its page again."))
    if row.case and not send_again:
        waves.record_event(case=row.case, kind=rules.EVENTS[row.kind], at=now)
    detail = {"letter": str(row.pk), "send_again": send_again, "reason": why}
    audit.record(
        by=by, verb="letter.decided", now=now, study=study.slug, subject=row.member.code, detail=detail
    )


@transaction.atomic
def decide_all_unconfirmed(
    *,
    by: Actor,
    study: Study,
    send_again: bool,
    reason: str,
    wave: Wave | None = None,
    fault: Reason | None = None,
    now: datetime,
) -> int:
    """The same decision for all letters in doubt, of one wave or after one kind of fault where that is given.

    In sets, all or none; each letter is on record by itself. Returns how many.
    """
    permissions.check(by, study, Verb.DECIDE_UNCONFIRMED)
    why = words.reason(reason)
    chosen = Outgoing.objects.filter(member__study=study, state=State.UNCONFIRMED)
    if wave:
        chosen = chosen.filter(case__wave=wave)
    if fault:
        chosen = chosen.filter(reason=fault)
    rows = list(chosen.select_for_update(of=("self",)).select_related("member", "case").order_by("pk"))
    for some in batched(rows):
        _decide(Outgoing.objects.filter(pk__in=[row.pk for row in some]), send_again, now)
        if not send_again:
            _count_as_contacts(some, now)
        _note_each(some, by, study, {"send_again": send_again, "reason": why}, now)
    return len(rows)


def _decide(doubtful: QuerySet[Outgoing], send_again: bool, now: datetime) -> int:
    if send_again:
        return doubtful.update(state=State.QUEUED, reason="", due_at=now, claim=None)
    return doubtful.update(state=State.SENT, reason=Reason.TAKEN_AS_SENT, claim=None)


def _count_as_contacts(rows: Iterable[Outgoing], now: datetime) -> None:
    cases: dict[CaseEvent.Kind, list[Case]] = defaultdict(list)
    for row in rows:
        if row.case:
            cases[rules.EVENTS[row.kind]].append(row.case)
    for kind, of_kind in cases.items():
        waves.record_events(cases=of_kind, kind=kind, at=now)


def _note_each(
    rows: Iterable[Outgoing], by: Actor, study: Study, detail: dict[str, object], now: datetime
) -> None:
    told = [(row.member.code, {"letter": str(row.pk), **detail}) for row in rows]
    audit.record_each(by=by, verb="letter.decided", now=now, study=study.slug, told=told)


@transaction.atomic
def try_again(*, by: Actor, study: Study, rows: Collection[UUID], reason: str, now: datetime) -> int:
    """Failed letters wait once more, with all their tries; each is checked again like any. Returns how many.

    Not to an address that is still refused, nor where the wave is over: nothing would come of it.
    """
    permissions.check(by, study, Verb.DECIDE_UNCONFIRMED)
    why = words.reason(reason)
    chosen = may_be_tried_again(Outgoing.objects.filter(pk__in=rows, member__study=study))
    found = list(chosen.select_for_update(of=("self",)).select_related("member").order_by("pk"))
    if not found:
        raise NotNow(_("None of these letters can be tried again now: load the page again."))
    for some in batched(found):
        Outgoing.objects.filter(pk__in=[row.pk for row in some]).update(
            state=State.QUEUED, reason="", due_at=now, claim=None, attempts=0
        )
        told = [
            (row.member.code, {"letter": str(row.pk), "failed": row.reason, "reason": why}) for row in some
        ]
        audit.record_each(by=by, verb="letters.tried_again", now=now, study=study.slug, told=told)
    return len(found)


def may_be_tried_again(rows: QuerySet[Outgoing]) -> QuerySet[Outgoing]:
    """Of these letters the failed ones that may fare better now."""
    failed = rows.filter(state=State.FAILED, reason__in=rules.WORTH_ANOTHER_TRY)
    reached = failed.exclude(reason=Reason.ADDRESS_REFUSED, member__unreachable=True)
    return reached.filter(Q(case=None) | ~Q(case__wave__status=Wave.Status.CLOSED))
