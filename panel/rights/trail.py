"""What the data-protection officer reads of the audit trail, and takes along as CSV; taking it along is recorded.

An event without a study (log-ins, keys) is for the officers of all studies.
"""

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.audit.verbs import GROUPS
from panel.errors import NotAllowed
from panel.members.permissions import studies_for
from panel.members.rules import Verb, tidy_code

COLUMNS = ("at", "actor_kind", "actor", "verb", "study", "subject", "detail")
#: What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NO_STUDY = "-"


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is left out doesn't narrow."""

    since: datetime | None = None
    until: datetime | None = None
    group: str = ""
    actor: str = ""
    subject: str = ""
    study: str = ""
    verbs: Collection[str] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.group:
            object.__setattr__(self, "verbs", tuple(GROUPS[self.group].verbs))

    def told(self) -> dict[str, Any]:
        """As it stands in the audit row of an export."""
        days = {"since": self.since, "until": self.until}
        words = {"group": self.group, "actor": self.actor, "subject": self.subject, "study": self.study}
        return {key: str(value) for key, value in {**days, **words}.items() if value}


def readable(user: AbstractBaseUser | AnonymousUser) -> QuerySet[AuditEvent]:
    """The events that this person may read."""
    studies = studies_for(user, Verb.SEE_AUDIT)
    if not studies.exists():
        return AuditEvent.objects.none()
    return AuditEvent.objects.filter(Q(study__in=studies.values("slug")) | Q(study=""))


def matching(events: QuerySet[AuditEvent], wanted: Wanted) -> QuerySet[AuditEvent]:
    """Of these events the ones that somebody looks for. A code is found as it is typed, other words by their start."""
    given: dict[str, Any] = {"at__gte": wanted.since, "at__lt": wanted.until, "verb__in": wanted.verbs}
    found = events.filter(**{key: value for key, value in given.items() if value})
    if wanted.actor:
        found = found.filter(actor__iexact=wanted.actor.strip())
    if wanted.subject:
        words = wanted.subject.strip()
        found = found.filter(Q(subject=tidy_code(words)) | Q(subject__istartswith=words))
    if wanted.study:
        found = found.filter(study="" if wanted.study == NO_STUDY else wanted.study)
    return found


def export(*, by: Actor, user: AbstractBaseUser, wanted: Wanted, now: datetime) -> Iterator[str]:
    """The lines of a CSV file, newest first. The export is on record before its first line leaves."""
    if not studies_for(user, Verb.SEE_AUDIT).exists():
        raise NotAllowed(_("This is for the data-protection officer of a study."))
    found = matching(readable(user), wanted).order_by("-id")
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    detail = {**wanted.told(), "events": found.filter(id__lte=newest).count()}
    audit.record(by=by, verb="audit.exported", now=now, study=_study_of(wanted), detail=detail)
    return _lines(found.filter(id__lte=newest))


def _study_of(wanted: Wanted) -> str:
    return "" if wanted.study == NO_STUDY else wanted.study


class _Line:
    """What csv writes to: keeps nothing, hands back."""

    def write(self, text: str) -> str:
        return text


def _lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    writer: Any = csv.writer(_Line(), delimiter=";", lineterminator="\r\n")
    yield "\ufeff" + writer.writerow(COLUMNS)  # so that spreadsheets read it as UTF-8
    for event in events.iterator(chunk_size=2000):
        at = localtime(event.at).isoformat(timespec="seconds")
        words = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
        cells = (at, event.actor_kind, event.actor, event.verb, event.study, event.subject, words)
        yield writer.writerow([_harmless(cell) for cell in cells])


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
