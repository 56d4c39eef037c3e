"""Reads of releases, narrowed to who asks: what they may see, review or download."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from panel.members.permissions import studies_for
from panel.members.rules import Verb
from panel.releases.models import Release

User = AbstractBaseUser | AnonymousUser


def visible_to(user: User) -> QuerySet[Release]:
    """What a person sees: reviewers all of their studies, others what is approved and what they asked for."""
    reviews = Q(study__in=studies_for(user, Verb.REVIEW_RELEASE))
    asks = Q(study__in=studies_for(user, Verb.ASK_RELEASE), asked_by=user.get_username())
    return _listed().filter(reviews | asks | Q(pk__in=downloadable_by(user).values("pk")))


def downloadable_by(user: User) -> QuerySet[Release]:
    """Approved releases of the studies whose files this person may download."""
    return _listed().filter(study__in=studies_for(user, Verb.DOWNLOAD_RELEASE), state=Release.State.APPROVED)


def to_review_by(user: User) -> QuerySet[Release]:
    """What waits for this person: never their own (SDC-08)."""
    waiting = _listed().filter(study__in=studies_for(user, Verb.REVIEW_RELEASE), state=Release.State.ASKED)
    return waiting.exclude(asked_by=user.get_username())


def _listed() -> QuerySet[Release]:
    """Newest first, with what a list shows and without the files."""
    return Release.objects.select_related("study", "wave").order_by("-asked_at", "pk")
