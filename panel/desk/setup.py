"""What waits to be done about a study itself: what it lacks before it may send (NO-01), with the place where it is
mended, and contact data past their day (LAW-12).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.invitations import readiness
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights.models import RetentionReport


@dataclass(frozen=True)
class Place:
    """Where a gap is mended: a step of the study's page or, without one, a list; and who may."""

    step: str
    verb: Verb
    words: str | Promise
    route: str = "desk:members_study_step"


FILL_IN = Place("setup", Verb.EDIT_STUDY, _("Fill it in"))
PLACES = {
    **dict.fromkeys(readiness.FIELDS, FILL_IN),
    "leader": Place("role", Verb.ASSIGN_ROLE, _("Give the role")),
    "dpia": Place("decide", Verb.DECIDE_SETTING, _("Record the decision")),
    "form": Place("", Verb.DRAFT_FORM, _("Write or approve the form"), "desk:consent_consentform_changelist"),
    "letters": Place("", Verb.DRAFT_LETTER, _("Write or approve them"), "desk:invitations_letter_changelist"),
}


@dataclass(frozen=True)
class Gap:
    """One line of the list; without an address where this person can't mend it."""

    sentence: str | Promise
    words: str | Promise = ""
    url: str = ""


def gaps(study: Study, may: Iterable[Verb]) -> list[Gap]:
    """What this study lacks, with the way to mend it for who may."""
    return [_gap(study, missing, set(may)) for missing in readiness.missing(study)]


def _gap(study: Study, missing: readiness.Missing, may: set[Verb]) -> Gap:
    place = PLACES[missing.what.partition(":")[0]]
    if place.verb not in may:
        return Gap(missing.sentence)
    where = [study.pk, place.step] if place.step else []
    return Gap(missing.sentence, place.words, reverse(place.route, args=where))


def past_day(studies: QuerySet[Study]) -> QuerySet[Study]:
    """Studies whose contact data are past their day, and of which nobody has ordered yet that they go (LAW-12)."""
    open_ones = RetentionReport.objects.filter(done_at=None, ordered_at=None)
    return studies.filter(pk__in=open_ones.values("study"))


def unready(studies: Iterable[Study]) -> list[tuple[Study, int]]:
    """Studies that may not send yet, with how much they lack."""
    studies = list(studies)
    found = readiness.missing_of(studies)
    return [(study, len(found[study.pk])) for study in studies if found[study.pk]]
