"""What may have been reached in a span of time (GDPR 33): openings from the audit trail, and what each database gives
a thief. Reads only.

Reading pages of the desk by code leaves no row; so whoever was logged in counts with all that their roles open.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from panel.audit.models import AuditEvent
from panel.invitations.models import Outgoing
from panel.members.models import PanelMember, StaffRole
from panel.members.rules import is_code
from panel.rights import zones

#: Article 33: from when the institution became aware of it.
HOURS = 72
DEADLINE = timedelta(hours=HOURS)
MAIL = "mail"
ZONES = (*zones.ALONE, MAIL)

CONTACT = "contact data"
EVERYTHING = "everything held of a member"
RECRUITMENT = "a recruitment file: contact data and first answers"
RELEASED = "a released file"
CODES = "member codes and what was done"
KEYS = "keys"
ACCESS = "what the person's roles open"

#: Which data an event opened; what isn't named here opened none.
OPENINGS: Mapping[str, str] = {
    "card.opened": CONTACT,
    "cards.opened_for_sending": CONTACT,
    "cards.renewed": CONTACT,
    "card.address_changed": CONTACT,
    "address.opened": CONTACT,
    "member.looked_up": CONTACT,
    "member.found": CONTACT,
    "file.staged": RECRUITMENT,
    "file.enrolled": RECRUITMENT,
    "copy.made": EVERYTHING,
    "copy.fetched": EVERYTHING,
    "release.viewed": RELEASED,
    "release.downloaded": RELEASED,
    "audit.exported": CODES,
    "outside.registered": CODES,
    "end.step_done": EVERYTHING,
    "token.made": ACCESS,
    "role.given": ACCESS,
    "login.succeeded": ACCESS,
}
#: Every event whose name begins so concerns the keys themselves.
OF_KEYS = ("keys.", "intake_key.")


@dataclass(frozen=True)
class Opening:
    """One kind of event by one actor."""

    verb: str
    data: str
    actor: str
    number: int


@dataclass(frozen=True)
class Scope:
    """What was reachable. `codes` are by study, of those erased since too; an upload or a released file names none."""

    since: datetime
    until: datetime
    openings: list[Opening]
    codes: dict[str, list[str]]
    letters: int
    roles: dict[str, list[str]]
    thief: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.openings and not self.letters


def scope(*, since: datetime, until: datetime, lost: Collection[str] = ()) -> Scope:
    """Openings from `since` up to, not including, `until`; and what a thief of the `lost` zones has."""
    events = AuditEvent.objects.filter(at__gte=since, at__lt=until)
    counts: Counter[tuple[str, str, str]] = Counter()
    codes: dict[str, set[str]] = defaultdict(set)
    actors = set()
    for event in events.order_by("id").iterator(chunk_size=2000):
        data = opened_by(event.verb)
        if data is None:
            continue
        counts[event.verb, data, f"{event.actor_kind}: {event.actor}"] += 1
        codes[event.study].update(filter(is_code, _codes_of(event)))
        if event.actor_kind == "staff":
            actors.add(event.actor)
    sent = Outgoing.objects.filter(sent_at__gte=since, sent_at__lt=until)
    if MAIL in lost:
        _add(codes, sent)
    if set(lost) - {MAIL}:
        _add_all(codes)
    openings = [Opening(*key, number) for key, number in sorted(counts.items())]
    named = {study: sorted(found) for study, found in sorted(codes.items()) if found}
    lost_zones = {zone: thief(zone) for zone in lost}
    return Scope(since, until, openings, named, sent.count(), _roles(actors), lost_zones)


def opened_by(verb: str) -> str | None:
    """Which data an event of this name opened."""
    return KEYS if verb.startswith(OF_KEYS) else OPENINGS.get(verb)


def thief(zone: str) -> dict[str, Any]:
    """What somebody has who copied one zone and nothing else."""
    if zone == MAIL:
        return {
            "alone": "Addresses, that the institution wrote to them, and links that open members' own pages. "
            "No answer, no status and no topic.",
            "fields": {},
        }
    return {"alone": zones.ALONE[zone], "fields": zones.by_class(zone)}


def _codes_of(event: AuditEvent) -> Iterable[str]:
    """What an event is about, a member among others, and the members that it lists."""
    yield event.subject
    for name in ("codes", "found"):
        listed = event.detail.get(name, ())
        if isinstance(listed, list):
            yield from (one for one in listed if isinstance(one, str))


def _add(codes: dict[str, set[str]], letters: QuerySet[Outgoing]) -> None:
    for study, code in letters.values_list("member__study__slug", "member__code"):
        codes[study].add(code)


def _add_all(codes: dict[str, set[str]]) -> None:
    for study, code in PanelMember.objects.values_list("study__slug", "code").iterator():
        codes[study].add(code)


def _roles(actors: Collection[str]) -> dict[str, list[str]]:
    """What those staff are today, so that somebody can judge what they could read."""
    held: dict[str, list[str]] = {actor: [] for actor in sorted(actors)}
    rows = StaffRole.objects.filter(user__username__in=actors).order_by("study__slug", "role")
    for actor, study, role in rows.values_list("user__username", "study__slug", "role"):
        held[actor].append(f"{role} in {study}")
    return held
