"""Retention (LAW-12): what is past its day is found and reported; it goes when a project leader or operator says so.

Contact cards and their data keys go after the day that members were told. What expires by itself (links of closed
waves, uploads that wait) is counted too; their own beat jobs remove it. Not here: when a card goes
(retention_rules.py).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import services as enrolment
from panel.enrolment.models import NewAddress, StagedFile
from panel.errors import NotNow
from panel.invitations import links, lost_contacts
from panel.invitations.models import Link
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights.end_rules import check_typed
from panel.rights.models import RetentionReport
from panel.rights.retention_rules import Facts, Ground, ground
from panel.sets import batched
from panel.vault import services as vault
from panel.waves.models import Wave

WORKER = Actor.system("retention")


@dataclass(frozen=True)
class Due:
    """What is past its day in one study: members by code and ground, and how many of their cards are still there."""

    study: Study
    codes: list[str]
    grounds: dict[str, int]
    cards: int

    def counts(self) -> dict[str, int]:
        """Without a code: for reports."""
        return {"cards": self.cards, **self.grounds}


def due(study: Study, *, today: date) -> Due:
    """Whose contact data go now."""
    grounds: dict[str, Ground] = {}
    given_up = lost_contacts.closed_without_address(study)
    for code, unreachable in study.members.values_list("code", "unreachable"):
        why = ground(Facts(study.retention_until, unreachable, code in given_up), today=today)
        if why is not None:
            grounds[code] = why
    counted = Counter(why.value for why in grounds.values())
    return Due(study, sorted(grounds), dict(counted), vault.count_cards(grounds))


def all_due(*, today: date) -> list[Due]:
    """Of every study that has not ended, those with something past its day."""
    found = (due(study, today=today) for study in Study.objects.filter(ended_at=None).order_by("slug"))
    return [one for one in found if one.cards]


def expired(*, now: datetime) -> dict[str, int]:
    """What expires by itself and is still there."""
    ended = Link.objects.filter(
        use=Link.Use.ANSWER,
        case__wave__status=Wave.Status.CLOSED,
        case__wave__closes_at__lte=now - links.THANKS_DAYS,
    )
    return {"links": ended.count(), "uploads": StagedFile.objects.filter(expires_at__lte=now).count()}


def drop_expired(*, now: datetime) -> dict[str, int]:
    """Removes what expires by itself, as its own beat jobs do."""
    return {"links": links.drop_ended(now=now), "uploads": enrolment.drop_staged(now=now)}


def look(*, now: datetime) -> int:
    """A worker's, nightly: reports what is past its day, and carries out what was ordered. Returns how many reports."""
    reported = 0
    for found in all_due(today=timezone.localdate(now)):
        reported += _report(found, now)
    for report in RetentionReport.objects.filter(done_at=None, ordered_at__isnull=False):
        apply(by=WORKER, study=report.study, now=now)
    return reported


@transaction.atomic
def _report(found: Due, now: datetime) -> bool:
    """One open report a study; its counts are kept up to date, its finding is noted once."""
    report, new = RetentionReport.objects.get_or_create(
        study=found.study, done_at=None,
        defaults={"found_on": timezone.localdate(now), "counts": found.counts()},
    )  # fmt: skip
    if new:
        _note(WORKER, found.study, "retention.reported", now, found.counts())
    elif report.counts != found.counts():
        report.counts = found.counts()
        report.save(update_fields=["counts"])
    return new


def open_report(study: Study) -> RetentionReport | None:
    """What was found and has not gone yet."""
    return RetentionReport.objects.filter(study=study, done_at=None).first()


@transaction.atomic
def order(*, by: Actor, study: Study, typed: str, now: datetime) -> None:
    """A project leader orders what was reported gone; a worker carries it out, for only it has the keys."""
    permissions.check(by, study, Verb.RUN_RETENTION)
    check_typed(typed, study.name)
    open_ones = RetentionReport.objects.filter(study=study, done_at=None, ordered_at=None)
    if not open_ones.update(ordered_by=by.name, ordered_at=now):
        raise NotNow(_("Nothing waits to be deleted, or it is ordered already."))
    _note(by, study, "retention.ordered", now, {})


@transaction.atomic
def apply(*, by: Actor, study: Study, now: datetime) -> Due:
    """Destroys what is due now. Keystore and vault first, `default` last: a crash leaves the order standing."""
    permissions.check(by, study, Verb.RUN_RETENTION)
    journal_state.check_in_step(now=now)  # a restored database may have an older day
    study = Study.objects.select_for_update().get(pk=study.pk)
    found = due(study, today=timezone.localdate(now))
    vault.destroy_cards(found.codes)
    for some in batched(found.codes):
        NewAddress.objects.filter(member__code__in=some, member__study=study).delete()
    for code in found.codes:
        journal.record(kind=journal.Kind.CARD_ERASED, study=study.slug, code=code, now=now)
    RetentionReport.objects.filter(study=study, done_at=None).update(done_at=now)
    _note(by, study, "retention.applied", now, found.counts())
    return found


def _note(by: Actor, study: Study, verb: str, now: datetime, counts: dict[str, int]) -> None:
    audit.record(by=by, verb=verb, now=now, study=study.slug, detail={"counts": counts})
