"""Who is at the desk and what they may do there, read once per request. The rules are panel/members'."""

from collections import defaultdict
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from panel.audit.rules import Actor
from panel.errors import NotAllowed
from panel.members import permissions, selectors
from panel.members.models import StaffRole, Study
from panel.members.rules import Verb, verbs_of

User = AbstractBaseUser | AnonymousUser


def actor(request: HttpRequest) -> Actor:
    """Whoever is logged in, as services know them."""
    return Actor.staff(request.user.get_username())


def has_role(user: User) -> bool:
    """Whether this user is staff of any study."""
    return user.is_active and StaffRole.objects.filter(user__username=user.get_username()).exists()


def all_verbs(user: User) -> frozenset[Verb]:
    """What this user may do in at least one study: one query."""
    held: dict[UUID, set[str]] = defaultdict(set)
    for study, role in StaffRole.objects.filter(user__username=user.get_username()).values_list(
        "study", "role"
    ):
        held[study].add(role)
    return frozenset().union(*(verbs_of(roles) for roles in held.values()))


def verbs(request: HttpRequest, study: Study) -> frozenset[Verb]:
    """What this user may do in this study: one query."""
    return verbs_of(selectors.roles_of(request.user.get_username(), study))


def studies_of(user: User) -> QuerySet[Study]:
    """The studies in which this user has any role."""
    held = StaffRole.objects.filter(user__username=user.get_username())
    return Study.objects.filter(pk__in=held.values("study")).order_by("slug")


def studies_for(request: HttpRequest, verb: Verb) -> QuerySet[Study]:
    """The studies in which this user may do this; refused if there is none."""
    studies = permissions.studies_for(request.user, verb)
    if not studies.exists():
        raise NotAllowed(_("None of your roles allows this. A project leader can give you another one."))
    return studies
