"""A lost link, sent again: which questions its letter leads to, and how often one went to a member.

It is service mail, for the member asked for it: its occasion is the case, and the row itself has none, so that no limit
on survey mail holds it up and nothing is left in the case. Not here: who may ask, and how often (panel/rights/own.py).
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5

from django.db.models import Q

from consent.models import Purpose
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import OSLO, local_day
from panel.members.models import PanelMember
from panel.waves.models import Case, CaseEvent, Wave

#: Nothing is left to answer after these.
DONE = (CaseEvent.Kind.COMPLETED, CaseEvent.Kind.ELIGIBILITY_LOST)


def open_case(member: PanelMember) -> Case | None:
    """The case whose questions this member can answer now."""
    if member.status != PanelMember.Status.ACTIVE:
        return None
    cases = Case.objects.filter(member=member, wave__status=Wave.Status.OPEN, wave__instrument__isnull=False)
    unanswered = cases.exclude(events__kind__in=DONE)
    return unanswered.select_related("wave").order_by("-wave__opens_at", "pk").first()


def queue(*, member: PanelMember, now: datetime) -> Outgoing:
    """One more letter: to the own page, and to the questions that are open. The caller holds the member's row, so
    that two get two numbers.
    """
    case = open_case(member)
    kind = LetterKind.LINK_AGAIN if case else LetterKind.RECEIPT
    occasion = case.pk if case else own_page_of(member, local_day(now))
    before = Outgoing.objects.filter(member=member, kind=kind, occasion=occasion).count()
    return Outgoing.objects.create(
        member=member, purpose=Purpose.SERVICE, occasion=occasion, kind=kind, ordinal=before + 1,
        planned_at=now, due_at=now,
    )  # fmt: skip


def sent(member: PanelMember, *, days: int, now: datetime) -> int:
    """How many went, or are on their way, in so many days up to today."""
    last = [local_day(now) - timedelta(days=ago) for ago in range(days)]
    own_page = Q(kind=LetterKind.RECEIPT, occasion__in=[own_page_of(member, day) for day in last])
    lost = Q(kind=LetterKind.LINK_AGAIN, planned_at__gte=datetime.combine(last[-1], time(), tzinfo=OSLO))
    return Outgoing.objects.filter(own_page | lost, member=member).count()


def own_page_of(member: PanelMember, day: date) -> UUID:
    """The occasion of letters with the link to the own page alone."""
    return uuid5(member.pk, f"own page {day}")


def about(rows: Collection[Outgoing]) -> dict[UUID, Case]:
    """The case that each letter is about: its own, or the one whose link was lost."""
    found = {row.pk: row.case for row in rows if row.case}
    lost = {row.pk: row.occasion for row in rows if row.kind == LetterKind.LINK_AGAIN}
    if lost:
        cases = Case.objects.select_related("wave").in_bulk(set(lost.values()))
        found |= {pk: cases[case] for pk, case in lost.items() if case in cases}
    return found
