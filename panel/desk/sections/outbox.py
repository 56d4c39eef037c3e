"""The outbox: letters by state and reason, with counts; what needs a person is decided here, and all can be paused."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import SimpleListFilter, display
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.filters import CameBack, OfWave
from panel.desk.forms import ReasonForm, StudyForm
from panel.desk.sections.outbox_forms import AGAIN, DoubtForm, FailedForm, PauseForm
from panel.desk.words import COLOURS, REASONS, colour, label, moment, reason
from panel.errors import BadInput, NotNow
from panel.invitations import decisions, pauses, services
from panel.invitations.models import Outgoing
from panel.invitations.rules import Reason
from panel.members.models import Study
from panel.members.rules import Verb
from panel.waves.models import Wave

State = Outgoing.State
#: States in which a reason says something.
EXPLAINED = (State.DEFERRED, State.FAILED, State.UNCONFIRMED, State.CANCELLED)


def _again(*, by: Actor, obj: Outgoing, now: datetime, reason: str) -> Words:
    services.decide_unconfirmed(by=by, row=obj, send_again=True, reason=reason, now=now)
    return _("The letter is queued again.")


def _as_sent(*, by: Actor, obj: Outgoing, now: datetime, reason: str) -> Words:
    services.decide_unconfirmed(by=by, row=obj, send_again=False, reason=reason, now=now)
    return _("The letter is taken as sent.")


def is_doubtful(row: Outgoing) -> bool:
    """Nobody knows whether it was sent."""
    return row.state == State.UNCONFIRMED


def _once_more(*, by: Actor, obj: Outgoing, now: datetime, reason: str) -> Words:
    services.try_again(by=by, study=obj.member.study, rows=[obj.pk], reason=reason, now=now)
    return _("The letter is queued again.")


def may_fare_better(row: Outgoing) -> bool:
    """Whether a failed letter can be tried again."""
    return decisions.may_be_tried_again(Outgoing.objects.filter(pk=row.pk)).exists()


class OfReason(SimpleListFilter):
    """By reason, in words."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code, REASONS[code]) for code in Reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class OutboxAdmin(DeskAdmin[Outgoing]):
    """A list by code, with the states counted above it."""

    path_prefix = "outbox"
    heading = _("Outbox")
    see = (Verb.SEE_OUTBOX,)
    study_path = "member__study"
    detail_template = "desk/letter.html"
    sentence = _("Each letter once. What waits goes by itself; only unconfirmed letters need a person.")
    empty = _("No letter here. Letters come once a wave is open.")
    shown_kind = column("kind", _("kind"))
    list_display = (
        "member_code",
        "shown_kind",
        "wave_name",
        "shown_state",
        "shown_reason",
        "shown_due",
        "shown_sent",
    )
    list_display_links = ("member_code",)
    list_filter = ("state", OfReason, CameBack, OfWave, "kind")
    search_fields = ("member__code",)
    search_help_text = _("A member code or its beginning")
    ordering = ("-due_at", "pk")
    list_before_template = "desk/outbox_before.html"
    steps = (
        Step[Outgoing](
            "again",
            Verb.DECIDE_UNCONFIRMED,
            _("Send again"),
            _("The member may get this letter twice."),
            _again,
            is_doubtful,
            ReasonForm,
            danger=True,
        ),
        Step[Outgoing](
            "as-sent",
            Verb.DECIDE_UNCONFIRMED,
            _("Take as sent"),
            _("It counts as a contact; if it never arrived, the member gets the next reminder only."),
            _as_sent,
            is_doubtful,
            ReasonForm,
        ),
        Step[Outgoing](
            "once-more",
            Verb.DECIDE_UNCONFIRMED,
            _("Try once more"),
            _("It is checked like any other letter before it goes."),
            _once_more,
            may_fare_better,
            ReasonForm,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outgoing]:
        return super().get_queryset(request).select_related("member__study", "case__wave")

    def extra_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, "invitations_outgoing"
        return [
            path("unconfirmed/", inside(self.decide_view), name=f"{name}_unconfirmed"),
            path("failed/", inside(self.failed_view), name=f"{name}_failed"),
            path("pause/", inside(self.pause_view), name=f"{name}_pause"),
            path("go-on/", inside(self.lift_view), name=f"{name}_lift"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rows = self.get_queryset(request).order_by()
        why = rows.values_list("state", "reason").annotate(number=Count("pk"), first=Min("due_at"))
        counted = list(why)
        tiles = [(state, sum(n for s, _r, n, _f in counted if s == state), COLOURS[state]) for state in State]
        shown = {
            "tiles": tiles,
            "reasons": _reasons(counted),
            "pauses": pauses.seen_by(self.studies(request)),
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        may, rows = guard.all_verbs(request.user), self.get_queryset(request)
        buttons: list[dict[str, Any]] = []
        if Verb.DECIDE_UNCONFIRMED in may and rows.filter(state=State.UNCONFIRMED).exists():
            buttons.append({"name": _("Decide on all unconfirmed"), "url": self.url("unconfirmed")})
        if Verb.DECIDE_UNCONFIRMED in may and decisions.may_be_tried_again(rows).exists():
            buttons.append({"name": _("Try failed ones again"), "url": self.url("failed")})
        if Verb.PAUSE_SENDING in may:
            paused = pauses.seen_by(self.studies(request))
            if paused:
                buttons.append({"name": _("Let letters go on"), "url": self.url("lift")})
            if not any(one.study_id for one in paused):
                buttons.append({"name": _("Pause all letters"), "url": self.url("pause"), "danger": True})
        return buttons

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """One decision and one reason for the letters in doubt; each is recorded by itself."""

        def act(
            by: Actor, now: datetime, study: Study, wave: str, fault: str, decision: str, reason: str
        ) -> pages.Done:
            decided = services.decide_all_unconfirmed(
                by=by,
                study=study,
                send_again=decision == AGAIN,
                reason=reason,
                wave=_wave(study, wave),
                fault=Reason(fault) if fault else None,
                now=now,
            )
            said = ngettext("Decided on %(count)d letter.", "Decided on %(count)d letters.", decided)
            return pages.Done(said % {"count": decided}, self.url("changelist"))

        return pages.act(
            request,
            Verb.DECIDE_UNCONFIRMED,
            DoubtForm,
            act,
            title=_("Decide on all unconfirmed"),
            sentence=_("A worker stopped while these were being sent. Nobody can know whether they left."),
            button=_("Decide"),
        )

    def failed_view(self, request: HttpRequest) -> HttpResponse:
        """Letters that failed for a reason that is mended wait once more."""

        def act(by: Actor, now: datetime, study: Study, failed: str, reason: str) -> pages.Done:
            rows = Outgoing.objects.filter(member__study=study, reason=failed)
            chosen = list(decisions.may_be_tried_again(rows).values_list("pk", flat=True))
            tried = services.try_again(by=by, study=study, rows=chosen, reason=reason, now=now)
            said = ngettext("%(count)d letter is queued again.", "%(count)d letters are queued again.", tried)
            return pages.Done(said % {"count": tried}, self.url("changelist"))

        return pages.act(
            request,
            Verb.DECIDE_UNCONFIRMED,
            FailedForm,
            act,
            title=_("Try failed ones again"),
            sentence=_(
                "All that failed for this reason. Each is checked like any other letter before it goes."
            ),
            button=_("Try again"),
        )

    def pause_view(self, request: HttpRequest) -> HttpResponse:
        """All survey mail of a study stops."""

        def act(by: Actor, now: datetime, study: Study, reason: str) -> pages.Done:
            pauses.pause(by=by, study=study, reason=reason, now=now)
            return pages.Done(_("All letters of the study are paused."), self.url("changelist"))

        return pages.act(
            request,
            Verb.PAUSE_SENDING,
            PauseForm,
            act,
            title=_("Pause all letters"),
            sentence=_(
                "Within a minute no letter about a survey goes any more, until somebody lets them go on. What members "
                "ask for themselves is still sent."
            ),
            button=_("Pause"),
        )

    def lift_view(self, request: HttpRequest) -> HttpResponse:
        """The letters of a study go on."""

        def act(by: Actor, now: datetime, study: Study) -> pages.Done:
            standing = pauses.standing(study)
            if standing is None:
                raise NotNow(_("The letters of this study aren’t paused."))
            pauses.lift(by=by, pause=standing, study=study, now=now)
            return pages.Done(_("The letters go on."), self.url("changelist"))

        return pages.act(
            request,
            Verb.PAUSE_SENDING,
            StudyForm,
            act,
            title=_("Let letters go on"),
            sentence=_("What was due meanwhile goes now, in the order in which it was planned."),
            button=_("Go on"),
        )

    @display(description=_("member"), ordering="member__code")
    def member_code(self, row: Outgoing) -> str:
        return row.member.code

    @display(description=_("wave"), ordering="case__wave__name")
    def wave_name(self, row: Outgoing) -> str:
        return row.case.wave.name if row.case else "–"

    @display(description=_("due"), ordering="due_at")
    def shown_due(self, row: Outgoing) -> str:
        return moment(_due(row))

    @display(description=_("sent"), ordering="sent_at")
    def shown_sent(self, row: Outgoing) -> str:
        return moment(row.sent_at)

    @display(description=_("state"), ordering="state")
    def shown_state(self, row: Outgoing) -> str:
        return label(row.get_state_display(), colour(row))

    @display(description=_("reason"))
    def shown_reason(self, row: Outgoing) -> Any:
        return reason(row.reason)

    def detail(self, request: HttpRequest, obj: Outgoing, may: frozenset[Verb]) -> dict[str, Any]:
        title = gettext("%(kind)s to %(code)s") % {"kind": obj.get_kind_display(), "code": obj.member.code}
        return {
            "title": title,
            "reason": reason(obj.reason),
            "waits": obj.state == State.DEFERRED,
            "due": _due(obj),
        }


def _due(row: Outgoing) -> datetime | None:
    """When it goes or went; a letter that isn't sent has no such time, whenever it was to be looked at again."""
    return None if row.state == State.CANCELLED else row.due_at


def _reasons(counted: list[tuple[str, str, int, datetime]]) -> list[dict[str, Any]]:
    """Each reason with how many letters it keeps back, most first; for what waits, the next moment."""
    return [
        {
            "state": State(state),
            "colour": COLOURS[state],
            "code": code,
            "words": reason(code),
            "number": number,
            "next": first if state == State.DEFERRED else None,
        }
        for state, code, number, first in sorted(counted, key=lambda one: -one[2])
        if state in EXPLAINED and code
    ]


def _wave(study: Study, pk: str) -> Wave | None:
    if not pk:
        return None
    found = Wave.objects.filter(study=study, pk=UUID(pk)).first()
    if found is None:
        raise BadInput(_("This wave is of another study: choose one of this study’s."))
    return found
