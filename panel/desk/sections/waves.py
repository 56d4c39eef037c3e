"""Waves: how they stand, what comes next, and the steps of a plan. Work counts are exact (NEV-10)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard, pages, plan_pages, wave_page
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import ReasonForm
from panel.desk.plan_forms import PlanForm
from panel.desk.words import colour, label, moment
from panel.invitations import planning
from panel.members import permissions
from panel.members.rules import Verb
from panel.waves import dispositions, selectors, services
from panel.waves.models import Wave

Status = Wave.Status

NEXT: dict[str, Words] = {
    Status.PLANNED: _("A project leader approves the plan; that draws the sample."),
    Status.APPROVED: _("It opens by itself at its time. Invitations go out within the hours for letters."),
    Status.OPEN: _("Invitations and reminders go out by themselves. Look at the outbox now and then."),
    Status.CLOSED: _("Review the flags that its answers raised; a researcher can ask for a release."),
}


def _close(*, by: Actor, obj: Wave, now: datetime) -> Words:
    services.close_wave(by=by, wave=obj, now=now)
    return _("The wave is closed.")


def _lift(*, by: Actor, obj: Wave, now: datetime, reason: str) -> Words:
    services.lift_hours(by=by, wave=obj, reason=reason, now=now)
    return _("Letters of this wave may go at any hour; the reason stands on the study's page.")


def is_status(*statuses: str) -> Any:
    """A step that fits waves of these statuses."""
    return lambda wave: wave.status in statuses


#: What the form of a new plan hands on.
ASKED = ("study", "name", "number", "kind", "instrument", "opens_at", "closes_at", "plan")


class WaveAdmin(DeskAdmin[Wave]):
    """A list with progress; a page for each wave with its numbers and steps."""

    path_prefix = "waves"
    heading = _("Waves")
    see = (Verb.SEE_PROGRESS, Verb.SEE_RATES)
    detail_template = "desk/wave.html"
    sentence = _(
        "A wave is planned by a coordinator, approved by a project leader, and opens and closes by itself."
    )
    empty = _("No wave yet. A coordinator plans the first one once members are enrolled.")
    shown_name = column("name", _("name"))
    shown_study = column("study", _("study"))
    list_display = (
        "shown_name",
        "shown_study",
        "shown_status",
        "shown_opening",
        "shown_close",
        "shown_progress",
    )
    list_display_links = ("shown_name",)
    list_select_related = ("study",)
    ordering = ("-opens_at",)
    steps = (
        Step[Wave](
            "approve", Verb.APPROVE_WAVE, _("Approve the plan"),
            _("Draws the sample and pins the letters' versions. It can't be undone."),
            plan_pages.approve, is_status(Status.PLANNED), before=plan_pages.before_approval,
        ),
        *plan_pages.STEPS,
        Step[Wave](
            "hours", Verb.DECIDE_SETTING, _("Lift the hours"),
            _("Letters of this wave may go at any hour of the day, by a decision recorded with its reason."),
            _lift, lambda wave: not wave.hours_lifted and wave.status != Status.CLOSED, ReasonForm,
        ),
        Step[Wave](
            "close", Verb.APPROVE_WAVE, _("Close it now"),
            _("From now on nothing is sent and its links say thanks. It can't be opened again."),
            _close, is_status(Status.OPEN), danger=True,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wave]:
        """With the two counts of the list's bar, each in a query of its own: a join of both would be of all events."""
        return (
            super()
            .get_queryset(request)
            .annotate(**selectors.counted())
            .select_related("study", "instrument__instrument")
        )

    def extra_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        return [
            path("plan/", inside(self.plan_view), name="waves_wave_plan"),
            *plan_pages.urls(self),
            path("<uuid:pk>/by/<slug:variable>/", inside(self.by_view), name="waves_wave_by"),
        ]

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.PLAN_WAVE not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Plan a wave"), "url": self.url("plan")}]

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """A new plan."""

        def act(by: Actor, now: datetime, reminder_days: object, **given: Any) -> pages.Done:
            asked = {name: given[name] for name in ASKED}
            wave = planning.plan_wave(by=by, now=now, **asked)
            return pages.Done(
                _("The wave is planned. Now a project leader approves it."), self.url("dryrun", wave.pk)
            )

        return pages.act(
            request,
            Verb.PLAN_WAVE,
            PlanForm,
            act,
            template="desk/plan_form.html",
            title=_("Plan a wave"),
            sentence=_("Nobody is drawn and nothing is sent before a project leader approves the plan."),
            button=_("Plan it"),
        )

    def by_view(self, request: HttpRequest, pk: UUID, variable: str) -> HttpResponse:
        """The rates by group, above the threshold only."""
        wave = self.visible(request, pk)
        permissions.check(guard.actor(request), wave.study, Verb.SEE_RATES)
        return self.render(request, "desk/wave_by.html", wave, wave_page.by_group(wave, variable))

    @display(description=_("status"), ordering="status")
    def shown_status(self, wave: Wave) -> str:
        return label(wave.get_status_display(), colour(wave))

    @display(description=_("opens"), ordering="opens_at")
    def shown_opening(self, wave: Wave) -> str:
        return moment(wave.opens_at)

    @display(description=_("closes"), ordering="closes_at")
    def shown_close(self, wave: Wave) -> str:
        return moment(wave.closes_at)

    @display(description=_("completed"))
    def shown_progress(self, wave: Wave) -> str:
        completes = wave.completed + wave.erased.get(dispositions.COMPLETE, 0)  # type: ignore[attr-defined]
        cases = wave.drawn + sum(wave.erased.values())  # type: ignore[attr-defined]
        return render_to_string("desk/bar.html", {"progress": {"completes": completes, "cases": cases}})

    def detail(self, request: HttpRequest, obj: Wave, may: frozenset[Verb]) -> dict[str, Any]:
        links = plan_pages.links(self, obj, may)
        return {
            "next": NEXT[obj.status],
            "plan_links": links,
            "change_url": plan_pages.change_url(self, obj, may),
            **wave_page.context(request, obj, may),
        }
