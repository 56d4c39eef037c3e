"""Who may: a staff user's roles in a study, asked of the database. Not: whether it may happen now.

Being a superuser allows nothing in a study; a role does. Members act on themselves alone, by links, not by roles.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.errors import NotAllowed
from panel.members import selectors
from panel.members.models import PanelMember, StaffRole, Study
from panel.members.rules import ROLES, Role, Verb, roles_with, verbs_of


def may(by: Actor, study: Study, verb: Verb) -> bool:
    """Whether this actor may do this in this study."""
    if by.kind != "staff":
        return by.kind == "system"
    held = StaffRole.objects.filter(user__username=by.name, user__is_active=True, study=study)
    return verb in verbs_of(set(held.values_list("role", flat=True)))


def check(by: Actor, study: Study, verb: Verb) -> None:
    """Refuse whoever may not, and say who may."""
    if may(by, study, verb):
        return
    held = selectors.roles_of(by.name, study) if by.kind == "staff" else set()
    if Role.DPO in held and held & set(roles_with(verb)):
        raise NotAllowed(
            _(
                "The data-protection officer of a study reads and advises; acting as well would be a conflict "
                "of interest. Ask another person with the role."
            )
        )
    names = _(" or ").join(str(ROLES[role].name) for role in roles_with(verb))
    raise NotAllowed(_("This needs the role of %(roles)s in this study.") % {"roles": names})


def check_self(by: Actor, member: PanelMember) -> None:
    """Refuse whoever isn't this member: some things nobody does in their name."""
    if by != Actor.member(member.code):
        raise NotAllowed(_("A member acts on their own membership only."))


def check_self_or_acting(by: Actor, member: PanelMember, verb: Verb) -> None:
    """The member themselves, or else whoever may act on their behalf."""
    if by.kind == "member":
        check_self(by, member)
    else:
        check(by, member.study, verb)


def studies_for(user: AbstractBaseUser | AnonymousUser, verb: Verb) -> QuerySet[Study]:
    """The studies in which a user may do this; none for who isn't logged in or active."""
    if not user.is_active:
        return Study.objects.none()
    held = StaffRole.objects.filter(user_id=user.pk, role__in=roles_with(verb))
    if verb not in ROLES[Role.DPO].verbs:  # as verbs_of has it, in one statement
        held = held.exclude(
            study__in=StaffRole.objects.filter(user_id=user.pk, role=Role.DPO).values("study")
        )
    return Study.objects.filter(pk__in=held.values("study")).order_by("slug")
