"""The outbox: letters by state, with counts and reasons; what nobody can confirm is decided here."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.filters import OfWave
from panel.desk.forms import Choice, ReasonForm, StudyForm, Text
from panel.desk.words import COLOURS, colour, label, moment, reason
from panel.invitations import services
from panel.invitations.models import Outgoing
from panel.members.models import Study
from panel.members.rules import Verb

State = Outgoing.State
AGAIN, AS_SENT = "again", "as_sent"


def _again(*, by: Actor, obj: Outgoing, now: datetime, reason: str) -> Words:
    services.decide_unconfirmed(by=by, row=obj, send_again=True, reason=reason, now=now)
    return _("The letter is queued again.")


def _as_sent(*, by: Actor, obj: Outgoing, now: datetime, reason: str) -> Words:
    services.decide_unconfirmed(by=by, row=obj, send_again=False, reason=reason, now=now)
    return _("The letter is taken as sent.")


def is_doubtful(row: Outgoing) -> bool:
    """Nobody knows whether it was sent."""
    return row.state == State.UNCONFIRMED


class DoubtForm(StudyForm):
    """One decision for all doubtful letters of a study."""

    decision = Choice(
        label=_("Decision"),
        choices=[(AS_SENT, _("Take them all as sent")), (AGAIN, _("Send them all again"))],
    )
    reason = Text(
        label=_("Reason"), max_length=1000, help_text=_("As: the mail server's log shows none of them.")
    )


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
    list_filter = ("state", "kind", OfWave)
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
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outgoing]:
        return super().get_queryset(request).select_related("member__study", "case__wave")

    def extra_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        return [path("unconfirmed/", decide, name="invitations_outgoing_unconfirmed")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        counted = dict(
            self.get_queryset(request).order_by().values_list("state").annotate(number=Count("pk"))
        )
        tiles = [(state, counted.get(state.value, 0), COLOURS[state]) for state in State]
        return super().changelist_view(request, {"tiles": tiles, **(extra_context or {})})

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        doubtful = self.get_queryset(request).filter(state=State.UNCONFIRMED).exists()
        if not doubtful or Verb.DECIDE_UNCONFIRMED not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Decide on all unconfirmed"), "url": self.url("unconfirmed")}]

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """One decision and one reason for every letter in doubt; each is recorded by itself."""

        def act(by: Actor, now: datetime, study: Study, decision: str, reason: str) -> pages.Done:
            rows = Outgoing.objects.filter(member__study=study, state=State.UNCONFIRMED).select_related(
                "member__study"
            )
            decided = 0
            for row in rows:
                again = decision == AGAIN
                services.decide_unconfirmed(by=by, row=row, send_again=again, reason=reason, now=now)
                decided += 1
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

    @display(description=_("member"), ordering="member__code")
    def member_code(self, row: Outgoing) -> str:
        return row.member.code

    @display(description=_("wave"), ordering="case__wave__name")
    def wave_name(self, row: Outgoing) -> str:
        return row.case.wave.name if row.case else "–"

    @display(description=_("due"), ordering="due_at")
    def shown_due(self, row: Outgoing) -> str:
        return moment(row.due_at)

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
        return {"title": title, "reason": reason(obj.reason)}
