"""Reads of stops, messages, requests and what lies outside, for pages and services that share them.

Not here: the own page's (overview.py), what a copy holds (holdings.py).
"""

from collections.abc import Collection
from datetime import date, datetime, time

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from consent import selectors as consent
from consent.models import ConsentEntry, ConsentText
from panel.members.models import PanelMember, Study
from panel.rights.models import Message, OutsideHolding, OutsideItem, Request, Stop
from panel.rights.request_rules import SOON, UNANSWERED, Urgency
from panel.rights.rules import LEAVING, Rung, State, offered
from panel.waves.models import Case, Wave


def in_force(member: PanelMember, *, now: datetime) -> list[Stop]:
    """What is in force for a member, the furthest rung only once they left; pauses that are over left out."""
    found = list(Stop.objects.filter(member=member, state=State.IN_FORCE).select_related("case__wave"))
    for rung in (Rung.LEAVE_DELETE, Rung.LEAVE_KEEP):
        if leaving := [stop for stop in found if stop.rung == rung]:
            return leaving
    today = timezone.localdate(now)
    found = [stop for stop in found if stop.until is None or stop.until > today]
    order = list(Rung)
    return sorted(found, key=lambda stop: order.index(Rung(stop.rung)))


def running_case(member: PanelMember) -> Case | None:
    """The member's case in the wave that is open now, which reminders would be about."""
    cases = Case.objects.filter(member=member, wave__status=Wave.Status.OPEN).select_related("wave")
    return cases.order_by("-wave__opens_at").first()


def rungs_offered(member: PanelMember, case: Case | None) -> list[Rung]:
    """The rungs this member can choose now."""
    in_wave = case is not None and case.wave.status == Wave.Status.OPEN
    return offered(member.status, in_wave=in_wave)


def last_agreed(stop: Stop) -> list[ConsentEntry]:
    """The entries that this stop withdrew, as they were last given: what an undo gives again."""
    assert stop.member is not None
    history = consent.history(study_key=stop.member.study.key, subject=stop.code)
    agreed = {entry.purpose: entry for entry in history if entry.action not in ConsentEntry.NO}
    return [agreed[purpose] for purpose in stop.withdrawn if purpose in agreed]


def wording_of(stop: Stop) -> list[ConsentText]:
    """The exact words a member agrees to again by undoing this stop, each once (LAW-02)."""
    hashes = {entry.text_sha256 for entry in last_agreed(stop)}
    assert stop.member is not None
    found = ConsentText.objects.filter(form__study_key=stop.member.study.key, sha256__in=hashes)
    return list({text.sha256: text for text in found.order_by("-question")}.values())


def messages_for(member: PanelMember) -> QuerySet[Message]:
    """What was written to this member, and to everybody since they joined; newest first."""
    joined = timezone.make_aware(datetime.combine(member.joined_on, time()))
    to_all = Q(member=None, study=member.study_id, made_at__gte=joined)
    return Message.objects.filter(Q(member=member) | to_all).select_related("study").order_by("-made_at")


def left_outside(code: str) -> QuerySet[OutsideHolding]:
    """What lies outside and still holds this person's data (LAW-14)."""
    held = OutsideHolding.objects.filter(code=code, removed_on=None, item__gone_on=None)
    return held.select_related("item").order_by("item__made_on", "item__what")


def kinds_outside(code: str) -> list[OutsideItem.Kind]:
    """The same in general words, for the member's own page: which kinds of things, without their names."""
    found = set(left_outside(code).values_list("item__kind", flat=True))
    return [kind for kind in OutsideItem.Kind if kind in found]


def to_take_out(studies: Collection[Study] | QuerySet[Study]) -> QuerySet[OutsideHolding]:
    """Who left or asked for deletion and is still in something outside: a project leader's work."""
    left = Stop.objects.filter(rung__in=LEAVING, state__in=(State.IN_FORCE, State.DONE))
    return OutsideHolding.objects.filter(
        item__study__in=studies, item__gone_on=None, removed_on=None, code__in=left.values("code")
    ).select_related("item")


def pressure(studies: Collection[Study] | QuerySet[Study], *, today: date) -> dict[str, int]:
    """How many requests wait for an answer in these studies, soon due and overdue among them. One query."""
    overdue, soon = Q(due_on__lt=today), Q(due_on__gte=today, due_on__lt=today + SOON)
    waiting = Request.objects.filter(study__in=studies, state__in=UNANSWERED)
    return waiting.aggregate(
        requests=Count("pk"), overdue=Count("pk", filter=overdue), due_soon=Count("pk", filter=soon)
    )


def corrections(studies: Collection[Study] | QuerySet[Study]) -> QuerySet[Request]:
    """Corrections asked for and not answered, for who keeps addresses: by code, without what was written."""
    waiting = Request.objects.filter(
        study__in=studies, kind=Request.Kind.RECTIFICATION, state__in=UNANSWERED, member__isnull=False
    )
    return waiting.order_by("due_on", "code")


def pressing(requests: QuerySet[Request], how: str, *, today: date) -> QuerySet[Request]:
    """Those of these requests that nobody answered yet, cut down to overdue, soon due or later."""
    waiting, soon = requests.filter(state__in=UNANSWERED), today + SOON
    if how == Urgency.OVERDUE:
        return waiting.filter(due_on__lt=today)
    if how == Urgency.SOON:
        return waiting.filter(due_on__gte=today, due_on__lt=soon)
    return waiting.filter(due_on__gte=soon) if how == Urgency.LATER else waiting
