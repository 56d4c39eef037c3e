"""How each cohort was recruited: counted when its files are enrolled, told by staff, read by rates. Counts only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotFound
from panel.members import permissions, setup
from panel.members.models import Cohort, Study
from panel.members.rules import Verb


@dataclass(frozen=True)
class Recruited:
    """Cohorts together. `approached` is None where it isn't known of each."""

    is_open: bool
    approached: int | None
    answered: int
    joined: int


def count_in(*, study: Study, name: str, answered: int, joined: int) -> None:
    """Adds what a file brought. Joins the transaction of the enrolment, whose audit row tells of it."""
    if not answered and not joined:
        return
    cohort, _new = Cohort.objects.get_or_create(study=study, name=name)
    Cohort.objects.filter(pk=cohort.pk).update(answered=F("answered") + answered, joined=F("joined") + joined)


@transaction.atomic
def describe(
    *, by: Actor, study: Study, name: str, is_open: bool, approached: int | None, now: datetime
) -> Cohort:
    """Tells how a cohort was recruited. Of an open call no response rate is worked out."""
    permissions.check(by, study, Verb.EDIT_STUDY)
    setup.check_running(study)
    cohort = Cohort.objects.select_for_update().filter(study=study, name=name).first()
    if cohort is None:
        raise NotFound(_("The study has no cohort of this name: enrol its file first."))
    if approached is not None and approached < cohort.answered:
        raise BadInput(_("More people answered than you say were asked: check the number."))
    cohort.is_open, cohort.approached = is_open, approached
    cohort.save(update_fields=["is_open", "approached"])
    detail = {"open": is_open, "approached": approached}
    audit.record(
        by=by, verb="cohort.described", now=now, study=study.slug, subject=cohort.name, detail=detail
    )
    return cohort


def recruited(study: Study, names: Collection[str]) -> Recruited:
    """These cohorts together: open if any was, for then nobody knows of how many they are a part."""
    found = list(Cohort.objects.filter(study=study, name__in=names))
    told = [each.approached for each in found if each.approached is not None]
    answered = sum(each.answered for each in found)
    known = len(told) == len(found) == len(names) and sum(told) >= answered > 0
    return Recruited(
        is_open=any(each.is_open for each in found) or len(found) < len(names),
        approached=sum(told) if known else None,
        answered=answered,
        joined=sum(each.joined for each in found),
    )
