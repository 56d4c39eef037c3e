"""Reads of studies and members. What somebody may see is permissions.py's; no address is here to be read."""

from django.utils.translation import gettext as _

from panel.errors import NotFound
from panel.members.models import Hold, PanelMember, StaffRole, Study, StudyDecision
from panel.members.rules import tidy_code


def study(slug: str) -> Study:
    """The study of this short name."""
    found = Study.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound(_("There is no study of this name. Look it up on the desk's page of studies."))
    return found


def member(code: str) -> PanelMember:
    """The member of this code, as somebody may have typed it."""
    found = PanelMember.objects.filter(code=tidy_code(code)).select_related("study").first()
    if found is None:
        raise NotFound(_("There is no member of this code. Check it for a typing error."))
    return found


def roles_of(username: str, study: Study) -> set[str]:
    """The roles a staff user holds in a study."""
    return set(StaffRole.objects.filter(user__username=username, study=study).values_list("role", flat=True))


def role(username: str, study: Study, name: str) -> StaffRole:
    """One role that somebody holds in a study."""
    given = StaffRole.objects.filter(user__username=username, study=study, role=name)
    found = given.select_related("user", "study").first()
    if found is None:
        raise NotFound(_("This person has no such role in this study."))
    return found


def standing_hold(member: PanelMember, kind: str) -> Hold | None:
    """The hold of this kind that a member is under."""
    return Hold.objects.filter(member=member, kind=kind, lifted_at=None).first()


def is_restricted(member: PanelMember) -> bool:
    """Whether mails, edits and releases of this member are frozen, as they asked (LAW-10)."""
    return standing_hold(member, Hold.Kind.RESTRICTION) is not None


def is_decided(study: Study, setting: str) -> bool:
    """Whether the study recorded a decision to leave this strict default."""
    return StudyDecision.objects.filter(study=study, setting=setting).exists()
