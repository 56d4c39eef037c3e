"""Reads of residency: what members told, what a wave brought, the reasons for leaving.

What is given here stays inside: nothing of it has been through disclosure control (panel/releases).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from panel.instruments import selectors as instruments
from panel.instruments.questionnaire import Item, Questionnaire
from panel.instruments.routing import settled
from panel.members.models import PanelMember, Study
from panel.residency import rules
from panel.residency.models import Evidence, Flag
from panel.responses import selectors as responses
from panel.responses.models import Response
from panel.waves.models import Wave


def as_told(evidence: Evidence, flag: str = "") -> rules.Told:
    """Evidence as rules read it."""
    return rules.Told(
        number=evidence.number,
        place=evidence.place,
        told=evidence.told_on.strftime("%Y-%m"),
        month=evidence.month,
        arrived=evidence.arrived_month,
        region=evidence.region,
        flag=flag,
    )


def told(members: Iterable[UUID]) -> defaultdict[UUID, list[rules.Told]]:
    """All these members told, in the order of telling, with the reviews it got: one query."""
    found: defaultdict[UUID, list[rules.Told]] = defaultdict(list)
    evidence = Evidence.objects.filter(member__in=list(members)).select_related("flag").order_by("number")
    for one in evidence:
        flag = getattr(one, "flag", None)
        found[one.member_id].append(as_told(one, flag.state if flag else ""))
    return found


def completed_without_evidence() -> QuerySet[Response]:
    """Completed responses from which nothing was taken: the forms don't ask, or a crash came between."""
    return (
        Response.objects.filter(completed_at__isnull=False, case__evidence=None)
        .select_related("case", "instrument")
        .order_by("completed_at")
    )


def to_review(studies: QuerySet[Study]) -> int:
    """How many flags of these studies wait for a review."""
    return Flag.objects.filter(member__study__in=studies, state=Flag.State.OPEN).count()


def summary(study: Study, wave: Wave) -> dict[str, int]:
    """What a wave's answers say of leaving, and how far it was reviewed."""
    evidence = Evidence.objects.filter(member__study=study, case__wave=wave)
    where: dict[str, Any] = {
        "returned_to_ukraine": Q(place=PanelMember.Place.RETURNED),
        "moved_on": Q(place=PanelMember.Place.MOVED_ON),
        "flags_raised": Q(flag__isnull=False),
        "flags_confirmed": Q(flag__state=Flag.State.CONFIRMED),
    }
    counts = evidence.aggregate(**{name: Count("pk", filter=condition) for name, condition in where.items()})
    return {"left": counts["returned_to_ukraine"] + counts["moved_on"], **counts}


def exit_reasons(wave: Wave) -> Counter[str]:
    """How many usable respondents of a wave chose each reason for leaving, by code; before disclosure control."""
    form = instruments.questionnaire(wave.questions)
    items = form.reason_items()
    chosen: Counter[str] = Counter()
    if items:
        for response in responses.completed(wave).iterator(chunk_size=500):
            chosen.update(_chosen(form, items, response))
    return chosen


def _chosen(form: Questionnaire, items: tuple[Item, ...], response: Response) -> set[str]:
    answers = settled(form, response.answers)
    chosen: set[str] = set()
    for item in items:
        given = answers.get(item.name)
        chosen.update(set(given) & set(form.codes(item)) if isinstance(given, list) else ())
    return chosen
