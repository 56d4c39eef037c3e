"""A study's own limits and days of silence: stricter at will, looser for a reason on record.

Letters that the old limit put off are looked at again. Not here: working a limit out (limits.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations import rules
from panel.invitations.limits import STRICT
from panel.invitations.models import Outgoing
from panel.members import permissions, setup
from panel.members import services as members
from panel.members.models import SilentDay, Study, StudyDecision
from panel.members.rules import Verb

Setting = StudyDecision.Setting
#: With more of them no letter would ever find its day.
SILENT_MAX = 60
#: 29 February is a day of some year.
LEAP = 2024


@dataclass(frozen=True)
class Range:
    """What a limit may be, and whether a higher number is the stricter one."""

    name: str | Promise
    least: int
    most: int
    higher_is_stricter: bool = False

    def is_looser(self, value: int, strict: int) -> bool:
        return value < strict if self.higher_is_stricter else value > strict


LIMITS: Mapping[str, Range] = {
    "reminders_max": Range(_("Reminders in a wave, at most"), 0, 5),
    "reminder_gap_days": Range(_("Days from a letter to a reminder"), 1, 60, higher_is_stricter=True),
    "mails_max": Range(_("Survey letters to one person, at most"), 1, 24),
    "mails_days": Range(_("Counted over so many days"), 30, 400, higher_is_stricter=True),
    "wave_gap_days": Range(_("Days between survey waves"), 0, 400, higher_is_stricter=True),
}


@transaction.atomic
def set_limit(*, by: Actor, study: Study, limit: str, value: int, reason: str = "", now: datetime) -> None:
    """Changes one limit. Beyond the strict number it takes a reason, kept as a decision on the study's page."""
    permissions.check(by, study, Verb.DECIDE_SETTING)
    study = Study.objects.select_for_update().get(pk=study.pk)
    setup.check_running(study)
    allowed = LIMITS.get(limit)
    if allowed is None:
        raise BadInput(_("There is no such limit."))
    if not allowed.least <= value <= allowed.most:
        raise BadInput(
            _("Give a number from %(least)d to %(most)d.") % {"least": allowed.least, "most": allowed.most}
        )
    before = getattr(study, limit)
    if value == before:
        raise NotNow(_("The limit is that already."))
    if allowed.is_looser(value, getattr(STRICT, limit)):
        members.decide(by=by, study=study, setting=Setting(limit), about=str(value), reason=reason, now=now)
    setattr(study, limit, value)
    study.save(update_fields=[limit])
    look_again(Outgoing.objects.filter(member__study=study), now)
    detail = {"limit": limit, "from": before, "to": value}
    audit.record(by=by, verb="limit.changed", now=now, study=study.slug, detail=detail)


@transaction.atomic
def add_silent_day(
    *, by: Actor, study: Study, day: int, month: int, year: int | None = None, name: str, now: datetime
) -> SilentDay:
    """One more day on which nobody is written to: each year's, or of one year."""
    permissions.check(by, study, Verb.DECIDE_SETTING)
    setup.check_running(study)
    name = name.strip()
    try:
        date(year or LEAP, month, day)
    except ValueError:
        raise BadInput(_("There is no such day.")) from None
    if not name:
        raise BadInput(_("Say what day it is."))
    Study.objects.select_for_update().get(pk=study.pk)
    if study.silent_days.count() >= SILENT_MAX:
        raise BadInput(_("There are too many days of silence: take one out first."))
    try:
        with transaction.atomic():
            added = SilentDay.objects.create(study=study, day=day, month=month, year=year, name=name[:120])
    except IntegrityError:
        raise NotNow(_("This is a day of silence already.")) from None
    audit.record(by=by, verb="silent_day.added", now=now, study=study.slug, detail=_detail(added))
    return added


@transaction.atomic
def remove_silent_day(*, by: Actor, silent_day: SilentDay, reason: str, now: datetime) -> None:
    """Letters may go on that day, for a reason that stays on the study's page."""
    study = silent_day.study
    permissions.check(by, study, Verb.DECIDE_SETTING)
    setup.check_running(study)
    members.decide(
        by=by, study=study, setting=Setting.SILENT_DAY, about=silent_day.name[:80], reason=reason, now=now
    )
    if not SilentDay.objects.filter(pk=silent_day.pk).delete()[0]:
        raise NotNow(_("This day was taken out already."))
    look_again(Outgoing.objects.filter(member__study=study), now)
    audit.record(by=by, verb="silent_day.removed", now=now, study=study.slug, detail=_detail(silent_day))


def day_of(one: SilentDay) -> date:
    """The day as a date; of one that comes each year the year says nothing."""
    return date(one.year or LEAP, one.month, one.day)


def _detail(one: SilentDay) -> dict[str, object]:
    return {"month": one.month, "day": one.day, "year": one.year, "name": one.name}


def look_again(letters: QuerySet[Outgoing], now: datetime) -> int:
    """What limits put off is worked out anew at the next look. Joins the caller's transaction."""
    put_off = letters.filter(state=rules.State.DEFERRED, reason__in=rules.BY_LIMIT, due_at__gt=now)
    return put_off.update(due_at=now)
