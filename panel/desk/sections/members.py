"""Members by code: status, language, cohort, pauses; where they live for who reviews flags. No address."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import display
from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import Choice, DeskForm, ReasonForm, Text
from panel.desk.words import colour, day, label
from panel.errors import BadInput, NotNow
from panel.members import permissions
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.members.rules import Verb, tidy_code
from panel.members.selectors import is_restricted, standing_hold
from panel.residency import services as residency
from panel.rights import selectors as rights
from panel.rights.rules import NO_RECALL
from panel.waves import selectors as waves
from panel.waves import told
from panel.waves.dispositions import CODES, disposition
from panel.waves.models import Case as WaveCase
from panel.waves.models import Wave


class ToldForm(DeskForm):
    """Where a member told staff that they live."""

    place = Choice(label=_("Lives"), choices=[("", _("Choose …")), *PanelMember.Place.choices])
    month = Text(
        label=_("Since"), required=False, max_length=7, help_text=_("As 2023-02; blank if not told.")
    )


def _told(*, by: Actor, obj: PanelMember, now: datetime, place: str, month: str) -> Words:
    residency.told_staff(by=by, member=obj, place=place, month=month, now=now)
    return _("Recorded as told to staff. A change raises a flag.")


def _reachable(*, by: Actor, obj: PanelMember, now: datetime) -> Words:
    members.mark_reachable(by=by, member=obj, now=now)
    return _("Letters go to this address again. If it is refused once more, they stop.")


def _restrict(*, by: Actor, obj: PanelMember, now: datetime, reason: str) -> Words:
    members.hold(by=by, member=obj, kind=Hold.Kind.RESTRICTION, reason=reason, now=now)
    return _("Restricted: no letters, edits or releases until it is lifted. The data are kept.")


def _lift(*, by: Actor, obj: PanelMember, now: datetime) -> Words:
    held = standing_hold(obj, Hold.Kind.RESTRICTION)
    if held is None:
        raise NotNow(_("This member is under no restriction."))
    members.lift(by=by, held=held, now=now)
    return _("Lifted. Tell the member before the next letter goes.")


class OutcomeForm(DeskForm):
    """What staff were told of a member for one wave."""

    wave = Text(label=_("Wave"), max_length=40, help_text=_("As it stands under “Waves”."))
    outcome = Choice(
        label=_("Outcome"),
        choices=[
            ("", _("None: take back what was recorded")),
            *((kind.value, disposition([kind], closed=True).code.label) for kind in told.OUTCOMES),
        ],
        required=False,
    )


def _outcome(*, by: Actor, obj: PanelMember, now: datetime, wave: str, outcome: str) -> Words:
    case = obj.cases.select_related("wave__study", "member").filter(wave__name=wave).first()
    if case is None:
        raise BadInput(_("The member is not in the sample of a wave of this name."))
    if outcome:
        told.record(by=by, case=case, outcome=outcome, now=now)
        return _("Recorded. No further letter of this wave goes out.")
    told.take_back(by=by, case=case, now=now)
    return _("Taken back: the case stands as before.")


class MemberAdmin(DeskAdmin[PanelMember]):
    """A list by code and a page for each member."""

    path_prefix = "members"
    heading = _("Members by code")
    see = (Verb.SEE_MEMBERS,)
    detail_template = "desk/member.html"
    sentence = _("Members are known by code alone. Names and addresses are on no page that shows this.")
    empty = _("No member yet. Members come in by enrolling a recruitment file.")
    shown_language = column("language", _("language"))
    shown_cohort = column("cohort", _("cohort"))
    list_display = ("code", "shown_status", "shown_language", "shown_cohort", "shown_mail", "shown_joined")
    list_display_links = ("code",)
    list_filter = ("status", "language", "cohort")
    search_fields = ("code",)
    search_help_text = _("A member code or its beginning")
    ordering = ("code",)
    steps = (
        Step[PanelMember](
            "told",
            Verb.REVIEW_FLAG,
            _("Record where they live"),
            _(
                "What the member told you by mail or on the phone. A relative's word, a bounce or silence is none."
            ),
            _told,
            form=ToldForm,
        ),
        Step[PanelMember](
            "outcome",
            Verb.RECORD_STOP,
            _("Record an outcome"),
            _(
                "What you were told ends a wave for the member. Write no reason anywhere. Who has died also leaves "
                "the panel: record a stop, so that no later wave writes."
            ),
            _outcome,
            fits=lambda member: member.cases.exclude(wave__status=Wave.Status.CLOSED).exists(),
            form=OutcomeForm,
        ),
        Step[PanelMember](
            "reachable",
            Verb.SEND,
            _("Try the address again"),
            _("The address was refused, so no letter goes there. It says nothing of where somebody lives."),
            _reachable,
            fits=lambda member: member.unreachable,
        ),
        Step[PanelMember](
            "restrict",
            Verb.HOLD,
            _("Restrict"),
            _("Freezes letters, edits and releases of this member. The data are kept; stops still work."),
            _restrict,
            fits=lambda member: not is_restricted(member),
            form=ReasonForm,
        ),
        Step[PanelMember](
            "lift",
            Verb.HOLD,
            _("Lift the restriction"),
            _("Letters, edits and releases go on. The member is told before (GDPR 18)."),
            _lift,
            fits=is_restricted,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PanelMember]:
        """Where somebody lives is blank for who may not see flags in that study."""
        seen = permissions.studies_for(request.user, Verb.SEE_FLAGS)
        place = Case(When(study__in=seen, then=F("place")), default=Value(""), output_field=CharField())
        return super().get_queryset(request).annotate(seen_place=place).defer("place").select_related("study")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PanelMember], search_term: str
    ) -> tuple[QuerySet[PanelMember], bool]:
        return queryset.filter(code__startswith=tidy_code(search_term)), False

    @display(description=_("status"), ordering="status")
    def shown_status(self, member: PanelMember) -> str:
        text = member.get_status_display()
        return label(text, colour(member))

    @display(description=_("joined"), ordering="joined_on")
    def shown_joined(self, member: PanelMember) -> str:
        return day(member.joined_on)

    @display(description=_("letters"))
    def shown_mail(self, member: PanelMember) -> Any:
        if member.mail_stopped:
            return _("stopped")
        if member.unreachable:
            return _("address refused")
        if member.paused_until:
            return _("paused until %(day)s") % {"day": member.paused_until.strftime("%d.%m.%Y")}
        return _("yes")

    def detail(self, request: HttpRequest, obj: PanelMember, may: frozenset[Verb]) -> dict[str, Any]:
        cases = list(obj.cases.select_related("wave").order_by("wave__number"))
        codes = _codes(cases)
        sees = Verb.SEE_FLAGS in may
        return {
            "cases": [(case.wave, CODES[codes[case.pk]].label) for case in cases],
            "stops": rights.in_force(obj, now=clock.now()),
            "place": dict(PanelMember.Place.choices).get(obj.seen_place, "") if sees else "",  # type: ignore[attr-defined]
            "spells": obj.spells.order_by("from_month") if sees else [],
            "flags": obj.flags.order_by("-raised_on") if sees else [],
            "stop_url": f"{reverse('desk:stop')}?code={obj.code}" if Verb.RECORD_STOP in may else "",
            "request_url": f"{reverse('desk:request')}?code={obj.code}" if Verb.RECORD_STOP in may else "",
            "holds": obj.holds.filter(lifted_at=None).order_by("since"),
            "requests": obj.requests.order_by("-received_on") if Verb.SEE_REQUESTS in may else [],
            "outside": rights.left_outside(obj.code),
            "no_recall": NO_RECALL,
        }


def _codes(cases: Sequence[WaveCase]) -> dict[UUID, str]:
    """The AAPOR code of each case, final or interim as its wave is closed or not: two queries at most."""
    found: dict[UUID, str] = {}
    for closed in (True, False):
        of_these = [case for case in cases if (case.wave.status == Wave.Status.CLOSED) == closed]
        if of_these:
            found |= waves.codes_of(of_these, closed=closed)
    return found
