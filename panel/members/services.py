"""Writes on studies, roles, members and holds, each with its audit row. Removing people is panel/rights'."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, Literal
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.journal import services as journal
from panel.members import permissions, rules, selectors, study_fields
from panel.members.models import Hold, PanelMember, StaffRole, Study, StudyDecision
from panel.members.rules import Role, Verb
from panel.members.silence_models import DEFAULTS, SilentDay
from panel.sets import SIZE


class Unchanged(Enum):
    """Tells "leave it as it is" from "clear it"."""

    UNCHANGED = 0


UNCHANGED: Final = Unchanged.UNCHANGED


#: Decisions that switch on a field of the study of the same name.
SWITCHES = frozenset({StudyDecision.Setting.MINORS, StudyDecision.Setting.PHONE_CHANNEL})


@dataclass(frozen=True)
class NewMember:
    """Somebody about to become a member; the card is the vault's."""

    code: str
    language: str
    shared_address: Any = None


def create_study(*, by: Actor, now: datetime, **fields: Any) -> Study:
    """A new study. Only the system creates one: roles are given inside a study, and there is none yet."""
    if by.kind != "system":
        raise NotAllowed(_("A study is created by the operator, with `manage.py create_study`."))
    study = Study(**fields)
    study.languages = study.languages or [study.default_language]
    study_fields.check(study)
    with transaction.atomic():
        try:
            study.clean_fields(exclude=["languages", "recruitment", "disclosure"])
            study.validate_unique()
        except ValidationError as error:
            raise BadInput("; ".join(error.messages)) from error
        study.save(force_insert=True)
        SilentDay.objects.bulk_create(SilentDay(study=study, **one) for one in DEFAULTS)
        audit.record(by=by, verb="study.created", now=now, study=study.slug)
    return study


def assign_role(
    *, by: Actor, user: AbstractBaseUser, study: Study, role: Role | str, now: datetime
) -> StaffRole:
    """Gives a role. Nobody gives one to themselves; coordinator and keeper stay two people unless decided."""
    permissions.check(by, study, Verb.ASSIGN_ROLE)
    username, role = user.get_username(), Role(role)
    if by == Actor.staff(username):
        raise NotAllowed(_("Nobody gives a role to themselves. Ask another project leader."))
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        if rules.breaks_apart(selectors.roles_of(username, study), role) and not selectors.is_decided(
            study, StudyDecision.Setting.COORDINATOR_OPENS_CARDS
        ):
            raise NotAllowed(
                _(
                    "Coordinator and contact keeper must be two people, unless the project leader records a "
                    "decision with a reason."
                )
            )
        given, is_new = StaffRole.objects.get_or_create(user_id=user.pk, study=study, role=role)
        if is_new:
            audit.record(
                by=by,
                verb="role.given",
                now=now,
                study=study.slug,
                subject=username,
                detail={"role": role.value},
            )
    return given


def take_role(*, by: Actor, given: StaffRole, now: datetime) -> None:
    """Takes a role back. The only leader of a study keeps theirs, else nobody could give one again."""
    with transaction.atomic():
        study = Study.objects.select_for_update().get(pk=given.study_id)
        permissions.check(by, study, Verb.ASSIGN_ROLE)
        username, detail = given.user.get_username(), {"role": given.role}
        if by == Actor.staff(username) and given.role == Role.LEADER and not _other_leaders(given).exists():
            raise NotAllowed(
                _("You are the only project leader of this study. Give the role to somebody else first.")
            )
        if not StaffRole.objects.filter(pk=given.pk).delete()[0]:
            raise NotNow(_("This was changed meanwhile. Load the page again to see what applies now."))
        audit.record(by=by, verb="role.taken", now=now, study=study.slug, subject=username, detail=detail)


def _other_leaders(given: StaffRole) -> QuerySet[StaffRole]:
    leaders = StaffRole.objects.filter(study=given.study_id, role=Role.LEADER, user__is_active=True)
    return leaders.exclude(pk=given.pk)


def decide(
    *,
    by: Actor,
    study: Study,
    setting: StudyDecision.Setting | str,
    about: str = "",
    reason: str,
    now: datetime,
) -> StudyDecision:
    """Records a decision to leave a strict default; its reason is shown on the study's page."""
    permissions.check(by, study, Verb.DECIDE_SETTING)
    if setting not in StudyDecision.Setting.values:
        raise BadInput(_("There is no such setting."))
    with transaction.atomic():
        decision = StudyDecision.objects.create(
            study=study,
            setting=setting,
            about=about,
            reason=words.reason(reason),
            decided_by=by.name,
            decided_at=now,
        )
        if setting in SWITCHES:
            Study.objects.filter(pk=study.pk).update(**{str(setting): True})
            setattr(study, str(setting), True)
        audit.record(
            by=by,
            verb="setting.decided",
            now=now,
            study=study.slug,
            subject=about,
            detail={"setting": str(setting), "reason": decision.reason},
        )
    return decision


def admit(*, study: Study, new: Sequence[NewMember], cohort: str, today: date) -> list[PanelMember]:
    """Makes members, in sets. Joins the transaction of the enrolment, whose audit row tells of them."""
    with transaction.atomic():
        return PanelMember.objects.bulk_create(
            [
                PanelMember(
                    study=study,
                    code=one.code,
                    language=one.language,
                    shared_address=one.shared_address,
                    cohort=cohort,
                    joined_on=today,
                )
                for one in new
            ],
            batch_size=SIZE,
        )


def set_status(*, by: Actor, member: PanelMember, status: PanelMember.Status | str, now: datetime) -> None:
    """Moves a membership along the table; refused if somebody moved it meanwhile."""
    old, new = member.status, PanelMember.Status(status)
    if not rules.may_become(old, new):
        raise NotNow(_("This can't be changed now. Load the page again to see what applies."))
    with transaction.atomic():
        if not PanelMember.objects.filter(pk=member.pk, status=old).update(status=new):
            raise NotNow(_("This was changed meanwhile. Load the page again to see what applies now."))
        _tell(by, member, "member.status_changed", now, {"from": old, "to": new.value})
    member.status = new


def set_place(*, by: Actor, member: PanelMember, place: PanelMember.Place | str, now: datetime) -> None:
    """What a residency review found, left here for samples. The audit row doesn't repeat it."""
    place = PanelMember.Place(place)
    with transaction.atomic():
        PanelMember.objects.filter(pk=member.pk).update(place=place)
        _tell(by, member, "member.place_set", now)
    member.place = place


def set_language(*, by: Actor, member: PanelMember, language: str, now: datetime) -> None:
    """The language of letters and pages; one of the study's, for it has letters in no other."""
    if language not in member.study.languages:
        raise BadInput(_("This is none of the study's languages."))
    with transaction.atomic():
        PanelMember.objects.filter(pk=member.pk).update(language=language)
        _tell(by, member, "member.language_set", now, {"language": language})
    member.language = language


def set_mail(
    *,
    by: Actor,
    member: PanelMember,
    now: datetime,
    stopped: bool | None = None,
    paused_until: date | Literal[Unchanged.UNCHANGED] | None = UNCHANGED,
) -> None:
    """Stops or pauses survey mail, or lets it go on. None leaves `stopped` as it is and ends a pause."""
    changes: dict[str, Any] = {}
    if stopped is not None:
        changes["mail_stopped"] = stopped
    if paused_until is not UNCHANGED:
        changes["paused_until"] = paused_until
    if not changes:
        return
    with transaction.atomic():
        PanelMember.objects.filter(pk=member.pk).update(**changes)
        _tell(by, member, "member.mail_changed", now, {name: str(value) for name, value in changes.items()})
    for name, value in changes.items():
        setattr(member, name, value)


def mark_unreachable(*, by: Actor, members: Collection[PanelMember], now: datetime) -> None:
    """Addresses that were refused for good; says nothing of where somebody lives (RES-03)."""
    with transaction.atomic():
        PanelMember.objects.filter(pk__in=[member.pk for member in members]).update(unreachable=True)
        for member in members:
            _tell(by, member, "address.refused", now)
    for member in members:
        member.unreachable = True


def mark_reachable(*, by: Actor, member: PanelMember, now: datetime) -> None:
    """The address is worth another try: what was held up goes at the next look, and refusals are counted anew."""
    if not permissions.may(by, member.study, Verb.HANDLE_LOST):
        permissions.check(by, member.study, Verb.SEND)
    with transaction.atomic():
        refused = PanelMember.objects.filter(pk=member.pk, unreachable=True)
        if not refused.update(unreachable=False, address_since=timezone.localdate(now)):
            raise NotNow(_("Letters to this member aren't held up."))
        _tell(by, member, "address.retried", now)
    member.unreachable = False


def settle_address(*, by: Actor, member: PanelMember, shared_address: UUID | None, now: datetime) -> None:
    """A new address stands in the card: letters go to it, and whoever shares it bears the same mark."""
    with transaction.atomic():
        PanelMember.objects.filter(pk=member.pk).update(
            unreachable=False, shared_address=shared_address, address_since=timezone.localdate(now)
        )
        _tell(by, member, "address.changed", now)
    member.unreachable, member.shared_address = False, shared_address


def hold(*, by: Actor, member: PanelMember, kind: Hold.Kind | str, reason: str, now: datetime) -> Hold:
    """Freezes mails, edits and releases of a member (LAW-10); one hold of a kind at a time."""
    permissions.check(by, member.study, Verb.HOLD)
    with transaction.atomic():
        PanelMember.objects.select_for_update().get(pk=member.pk)
        if selectors.standing_hold(member, kind) is not None:
            raise NotNow(_("This member is held so already."))
        held = Hold.objects.create(
            member=member, kind=Hold.Kind(kind), reason=words.reason(reason), since=now
        )
        _tell(by, member, "hold.set", now, {"kind": held.kind})
        _journal(held, journal.Kind.HELD, now)
    return held


def lift(*, by: Actor, held: Hold, now: datetime) -> None:
    """Ends a hold, once."""
    permissions.check(by, held.member.study, Verb.HOLD)
    with transaction.atomic():
        if not Hold.objects.filter(pk=held.pk, lifted_at=None).update(lifted_at=now):
            raise NotNow(_("This hold was lifted already."))
        _tell(by, held.member, "hold.lifted", now, {"kind": held.kind})
        _journal(held, journal.Kind.LIFTED, now)
    held.lifted_at = now


def _journal(held: Hold, kind: journal.Kind, now: datetime) -> None:
    """A restored backup must not set free who was restricted since (CRY-11).

    A hold for new consent is not told: its run is lost with the backup, and nobody could lift it again.
    """
    if held.kind == Hold.Kind.RECONSENT:
        return
    code, payload = held.member.code, {"hold": str(held.pk), "kind": held.kind}
    journal.record(kind=kind, study=held.member.study.slug, code=code, payload=payload, now=now)


def _tell(
    by: Actor, member: PanelMember, verb: str, now: datetime, detail: dict[str, Any] | None = None
) -> None:
    audit.record(by=by, verb=verb, now=now, study=member.study.slug, subject=member.code, detail=detail)
