"""Studies: what a study is, who works in it, and which strict defaults it left, with the reasons (ZON-04)."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from panel.audit.rules import Actor
from panel.desk import guard
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.ending_forms import NoticeForm
from panel.desk.forms import Choice, Day, DeskForm, ReasonForm, Text
from panel.desk.sections import cohorts, letter_limits
from panel.desk.sections.ending import STUDY_STEPS
from panel.desk.setup import gaps
from panel.errors import BadInput, NotFound, NotNow
from panel.invitations import letter_versions
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.invitations.study_limits import LIMITS
from panel.members import selectors, services, setup
from panel.members.models import LegalBasis, PanelMember, StaffRole, Study, StudyDecision
from panel.members.rules import ROLES, Role, Verb
from panel.rights import messages


class DecisionForm(ReasonForm):
    """A decision to leave a strict default of the whole study; the hours are lifted on a wave's own page, limits on
    letters where they are changed.
    """

    setting = Choice(
        label=_("Setting"),
        choices=[
            (setting.value, setting.label)
            for setting in StudyDecision.Setting
            if setting not in {StudyDecision.Setting.HOURS_LIFTED, StudyDecision.Setting.SILENT_DAY, *LIMITS}
        ],
    )
    field_order = ("setting", "reason")


class RoleForm(DeskForm):
    """A role for somebody who has a log-in."""

    username = Text(label=_("User name"), help_text=_("Somebody who has a log-in already."))
    role = Choice(label=_("Role"), choices=StaffRole.Role.choices)


class TakeForm(DeskForm):
    """A role somebody has here."""

    username = Text(label=_("User name"), help_text=_("As it stands under “Who works here”."))
    role = Choice(label=_("Role"), choices=StaffRole.Role.choices)


class SetupForm(DeskForm):
    """What a study must say of itself before anything is sent (NO-01)."""

    institution = Text(
        label=_("Institution"), max_length=120, help_text=_("Who is responsible for the data.")
    )
    sikt_reference = Text(label=_("Sikt’s reference"), required=False, max_length=40)
    sikt_assessed_on = Day(label=_("Day of Sikt’s assessment"), required=False)
    dpo_contact = Text(
        label=_("Data-protection officer"),
        required=False,
        help_text=_("The e-mail address at which members reach the officer."),
    )
    legal_basis = Choice(label=_("Legal basis"), choices=LegalBasis.choices)
    ends_on = Day(
        label=_("The project ends on"), required=False, help_text=_("The day that members are told.")
    )
    retention_until = Day(
        label=_("Contact data are kept until"),
        required=False,
        help_text=_("The day that members are told. Later, only an extension can move it."),
    )


def _of_study(study: Study) -> dict[str, Any]:
    return {name: getattr(study, name) for name in setup.FIELDS}


def _fill_in(*, by: Actor, obj: Study, now: Any, **fields: Any) -> Words:
    changed = setup.fill_in(by=by, study=obj, now=now, **fields)
    return _("Saved.") if changed else _("Nothing was changed.")


def _drafts(study: Study) -> QuerySet[LetterText]:
    drafts = LetterText.objects.filter(letter__study=study, letter__state=Letter.State.DRAFT)
    return drafts.select_related("letter").order_by("language", "letter__kind")


def _approve_letters(*, by: Actor, obj: Study, now: Any) -> Words:
    if not _drafts(obj).exists():
        raise NotNow(_("There are no drafts. They are written under “Letters”."))
    approved = letter_versions.approve_all(by=by, study=obj, now=now)
    return _("%(letters)d letters are approved. Their words can no longer be changed.") % {
        "letters": approved
    }


def _decide(*, by: Actor, obj: Study, now: Any, setting: str, reason: str) -> Words:
    services.decide(by=by, study=obj, setting=setting, reason=reason, now=now)
    return _("The decision is recorded.")


def _assign(*, by: Actor, obj: Study, now: Any, username: str, role: str) -> Words:
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise BadInput(_("Nobody has this user name. An operator makes log-ins with a command."))
    services.assign_role(by=by, user=user, study=obj, role=role, now=now)
    return _("The role is given.")


def _write(*, by: Actor, obj: Study, now: Any, words: dict[str, str]) -> Words:
    messages.write(by=by, study=obj, words=words, kind=LetterKind.NOTICE, now=now)
    return _("Written: the letters are in the outbox, and members read the words on their own pages.")


def _who_gets_it(study: Study) -> Words:
    """How many a notice reaches, and how many it doesn't: whom a breach concerns must be told another way."""
    reached = messages.readers(study, LetterKind.NOTICE).count()
    others = study.members.filter(status=PanelMember.Status.ACTIVE).count() - reached
    said = ngettext("%(count)d member gets the letter.", "%(count)d members get the letter.", reached)
    said %= {"count": reached}
    if not others:
        return said
    missed = ngettext(
        "%(count)d member gets none: the address was refused, or must never be written to.",
        "%(count)d members get none: the address was refused, or must never be written to.",
        others,
    )
    return f"{said} {missed % {'count': others}}"


def _take(*, by: Actor, obj: Study, now: Any, username: str, role: str) -> Words:
    try:
        given = selectors.role(username, obj, role)
    except NotFound as nobody:
        raise BadInput(str(nobody)) from nobody
    services.take_role(by=by, given=given, now=now)
    return _("The role is taken away.")


class StudyAdmin(DeskAdmin[Study]):
    """Everybody sees the studies they have a role in."""

    path_prefix = "studies"
    heading = _("Studies")
    see = ()
    detail_template = "desk/study.html"
    sentence = _("The studies in which you have a role.")
    empty = _("You have no role in any study yet. A project leader can give you one.")
    shown_name = column("name", _("name"))
    shown_slug = column("slug", _("short name"))
    shown_institution = column("institution", _("institution"))
    list_display = ("shown_name", "shown_slug", "shown_institution")
    list_display_links = ("shown_name",)
    steps = (
        Step[Study](
            "setup",
            Verb.EDIT_STUDY,
            _("Fill in the study"),
            _("Nothing is sent until all of it is there. What was changed stands in the audit trail."),
            _fill_in,
            form=SetupForm,
            initial=_of_study,
        ),
        Step[Study](
            "letters",
            Verb.APPROVE_LETTER,
            _("Approve the letters"),
            _("All drafts are approved as they stand on the study’s page. Approved words can’t be changed."),
            _approve_letters,
            fits=lambda study: _drafts(study).exists(),
        ),
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
        Step[Study](
            "take-role",
            Verb.ASSIGN_ROLE,
            _("Take a role away"),
            _(
                "It ends at once, whatever page is open. The log-in itself stays; an operator takes that away."
            ),
            _take,
            form=TakeForm,
        ),
        Step[Study](
            "notice",
            Verb.ANSWER_REQUEST,
            _("Write to all members"),
            _(
                "For what they must hear: a breach, a change in the study. Their letter says only that there is "
                "something to read; the words stand on their own page. Not for surveys or greetings."
            ),
            _write,
            fits=lambda study: study.ended_at is None,
            form=NoticeForm,
            initial=lambda study: {"languages": study.languages},
            before=_who_gets_it,
        ),
        cohorts.STEP,
        *letter_limits.STEPS,
        *STUDY_STEPS,
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
            "gaps": gaps(obj, may),
            "drafts": _drafts(obj) if may & {Verb.APPROVE_LETTER, Verb.EDIT_STUDY} else [],
            "decisions": obj.decisions.order_by("-decided_at"),
            "cohorts": obj.cohorts.order_by("name"),
            **letter_limits.shown(obj),
        }
