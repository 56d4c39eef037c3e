"""What waits for a person, counted: flags, doubtful letters, releases, requests, files to clean. Reads only."""

from datetime import date

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from panel.invitations import lost_contacts, replies
from panel.invitations.models import Outgoing
from panel.members.models import Study
from panel.members.permissions import studies_for
from panel.members.rules import Verb
from panel.releases import selectors as releases
from panel.residency import selectors as residency
from panel.rights import reaching
from panel.rights import selectors as rights


def counts(user: AbstractBaseUser | AnonymousUser, may: frozenset[Verb], *, today: date) -> dict[str, int]:
    """By kind, for the studies in which this user may act on it."""
    found: dict[str, int] = {}
    if Verb.REVIEW_FLAG in may:
        found["flags"] = residency.to_review(studies_for(user, Verb.REVIEW_FLAG))
    if Verb.DECIDE_UNCONFIRMED in may:
        studies = studies_for(user, Verb.DECIDE_UNCONFIRMED)
        unconfirmed = Outgoing.objects.filter(member__study__in=studies, state=Outgoing.State.UNCONFIRMED)
        found["letters"] = unconfirmed.count()
    if Verb.REVIEW_RELEASE in may:
        found["releases"] = releases.to_review_by(user).count()
    if may & {Verb.ANSWER_REQUEST, Verb.ADVISE}:
        found |= rights.pressure(studies_for(user, Verb.SEE_REQUESTS), today=today)
    if Verb.CHANGE_ADDRESS in may:
        found["corrections"] = rights.corrections(studies_for(user, Verb.CHANGE_ADDRESS)).count()
    if Verb.SEE_LOST in may:
        found |= _lost(studies_for(user, Verb.SEE_LOST), today)
        if Verb.CHANGE_ADDRESS not in may:
            del found["to_accept"]
    if Verb.HANDLE_REPLY in may:
        found |= replies.pressure(studies_for(user, Verb.HANDLE_REPLY), today=today)
    if Verb.ANSWER_REQUEST in may:
        found["outside"] = rights.to_take_out(studies_for(user, Verb.ANSWER_REQUEST)).count()
    return found


def _lost(studies: QuerySet[Study], today: date) -> dict[str, int]:
    """Open cases of lost contact; what presses: those past their day, and new addresses to accept."""
    found = lost_contacts.pressure(studies, today=today)
    waits = reaching.to_accept(studies).count()
    return {**found, "to_accept": waits, "lost_press": found["lost_late"] + waits}
