"""Reads of the audit: the head of the chain, what is not yet sealed, the verdict over all of it."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from panel.audit.chain import chained
from panel.audit.models import AuditEvent, AuditSeal
from panel.audit.rules import Actor, Anchors, Cut

CHUNK = 1000
#: An event may turn up this long after it drew its id; who keeps a transaction open longer is found at night.
LATE = timedelta(days=1)


@dataclass(frozen=True)
class Verdict:
    """What `verify` found. `first_broken` names the first row that does not hold, by position and uid; `restores`
    are those that took a part of an earlier chain away.
    """

    ok: bool
    first_broken: str
    sealed: int
    head: str
    oldest_unsealed: datetime | None
    restores: tuple[Cut, ...] = ()


def head() -> AuditSeal | None:
    """The last link of the chain."""
    return AuditSeal.objects.order_by("-position").first()


def unsealed(*, above: int | None = None) -> QuerySet[AuditEvent]:
    """Events without a seal, in order of id; all of them, or those above a low-water mark."""
    sealed = AuditSeal.objects.filter(event=OuterRef("uid"))
    found = AuditEvent.objects.filter(~Exists(sealed)).order_by("id")
    return found if above is None else found.filter(id__gt=above)


def low_water(*, now: datetime) -> int | None:
    """The id of the event that was sealed last a day ago; nothing at or below it is still without a seal.

    Seals are made in order of id. Ids become visible in order of commit, so a lower one may turn up later, but
    not a day later. A mark that is too low only costs time, so whatever seal is found gives a safe one.
    """
    old = AuditSeal.objects.filter(sealed_at__lt=now - LATE).order_by("-position").values_list("event")
    last = old.first()
    return AuditEvent.objects.values_list("id", flat=True).get(uid=last[0]) if last else None


def waiting(*, now: datetime) -> tuple[int, datetime | None]:
    """How many events wait for the next sealing, and since when; asked without reading all events."""
    found = unsealed(above=low_water(now=now))
    return found.count(), found.values_list("at", flat=True).first()


def was_ever(verb: str) -> bool:
    """Whether something was ever recorded."""
    return AuditEvent.objects.filter(verb=verb).exists()


def seal_at(position: int) -> AuditSeal | None:
    """One link of the chain."""
    return AuditSeal.objects.filter(position=position).first()


def count(*, by: Actor, verb: str, since: datetime, until: datetime) -> int:
    """How often somebody did something in a span of time."""
    return AuditEvent.objects.filter(
        actor_kind=by.kind, actor=by.name, verb=verb, at__gte=since, at__lt=until
    ).count()


def is_told(cut: Cut) -> bool:
    """Whether an event says of a restore what its line in the anchors' file says."""
    told = AuditEvent.objects.filter(verb="chain.restored").values_list("detail", flat=True)
    return cut.detail in told


def verify(*, anchors: Anchors | None = None) -> Verdict:
    """Walk the whole chain. `anchors`, noted elsewhere, betray one cut short or remade."""
    anchors = anchors or Anchors()
    awaited = dict(anchors.heads)
    broken, sealed, previous = "", 0, ""
    for seal, event in _links():
        broken = _fault(seal, event, sealed + 1, previous, awaited.pop(seal.position, seal.hash))
        if broken:
            break
        sealed, previous = seal.position, seal.hash
    if not broken and awaited:
        broken = f"position {min(awaited)}: its seal is gone, the chain was cut short"
    untold = next((cut for cut in anchors.cuts if not is_told(cut)), None)
    if not broken and untold:
        broken = f"position {untold.position}: no event tells of the restore that was noted there"
    oldest = unsealed().values_list("at", flat=True).first()
    return Verdict(not broken, broken, sealed, previous, oldest, anchors.cuts)


def _links() -> Iterator[tuple[AuditSeal, AuditEvent | None]]:
    """The chain in its order, in chunks, so that a long one needs no memory."""
    last = 0
    while seals := list(AuditSeal.objects.filter(position__gt=last).order_by("position")[:CHUNK]):
        events = {event.uid: event for event in AuditEvent.objects.filter(uid__in=[s.event for s in seals])}
        yield from ((seal, events.get(seal.event)) for seal in seals)
        last = seals[-1].position


def _fault(seal: AuditSeal, event: AuditEvent | None, position: int, previous: str, anchor: str) -> str:
    """What is wrong with one link, in words; empty when it holds."""
    where = f"position {position}"
    if seal.position != position:
        return f"{where}: its seal is gone"
    where = f"{where}, event {seal.event}"
    if seal.previous != previous:
        return f"{where}: does not follow the one before"
    if event is None:
        return f"{where}: the event is gone"
    if not hmac.compare_digest(seal.hash, chained(seal, event)):
        return f"{where}: was changed"
    return "" if seal.hash == anchor else f"{where}: is not the one noted earlier"
