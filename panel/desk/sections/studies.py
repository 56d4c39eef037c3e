"""Studies: what a study is, who works in it, and which strict defaults it left, with the reasons (ZON-04)."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard
from panel.desk.base import DeskAdmin, Step, Words
from panel.desk.forms import Choice, DeskForm, ReasonForm, Text
from panel.errors import BadInput
from panel.members import services
from panel.members.models import StaffRole, Study, StudyDecision
from panel.members.rules import ROLES, Role, Verb


class DecisionForm(ReasonForm):
    """A decision to leave a strict default of the whole study; the hours are lifted on a wave's own page."""

    setting = Choice(
        label=_("Setting"),
        choices=[
            (setting.value, setting.label)
            for setting in StudyDecision.Setting
            if setting != StudyDecision.Setting.HOURS_LIFTED
        ],
    )
    field_order = ("setting", "reason")


class RoleForm(DeskForm):
    """A role for somebody who has a log-in."""

    username = Text(label=_("User name"), help_text=_("Somebody who has a log-in already."))
    role = Choice(label=_("Role"), choices=StaffRole.Role.choices)


def _decide(*, by: Actor, obj: Study, now: Any, setting: str, reason: str) -> Words:
    services.decide(by=by, study=obj, setting=setting, reason=reason, now=now)
    return _("The decision is recorded.")


def _assign(*, by: Actor, obj: Study, now: Any, username: str, role: str) -> Words:
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise BadInput(_("Nobody has this user name. An operator makes log-ins with a command."))
    services.assign_role(by=by, user=user, study=obj, role=role, now=now)
    return _("The role is given.")


class StudyAdmin(DeskAdmin[Study]):
    """Everybody sees the studies they have a role in."""

    path_prefix = "studies"
    heading = _("Studies")
    see = ()
    detail_template = "desk/study.html"
    sentence = _("The studies in which you have a role.")
    empty = _("You have no role in any study yet. A project leader can give you one.")
    list_display = ("name", "slug", "institution")
    list_display_links = ("name",)
    steps = (
        Step[Study](
            "decide",
            Verb.DECIDE_SETTING,
            _("Record a decision"),
            _("The study leaves one of its strict defaults. Who, when and why stays on its page."),
            _decide,
            form=DecisionForm,
        ),
        Step[Study](
            "role",
            Verb.ASSIGN_ROLE,
            _("Give a role"),
            _("Coordinator and contact keeper are two people, unless a decision says otherwise."),
            _assign,
            form=RoleForm,
        ),
    )

    def studies(self, request: HttpRequest) -> QuerySet[Study]:
        return guard.studies_of(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Study]:
        return self.studies(request)

    def study_of(self, obj: Study) -> Study:
        return obj

    def detail(self, request: HttpRequest, obj: Study, may: frozenset[Verb]) -> dict[str, Any]:
        staff = obj.staff.select_related("user").order_by("role", "user__username")
        return {
            "staff": [(one.user.get_username(), ROLES[Role(one.role)]) for one in staff],
            "decisions": obj.decisions.order_by("-decided_at"),
        }
