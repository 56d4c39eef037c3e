"""Waves: how they stand, what comes next, and the steps of a plan. Work counts are exact (NEV-10)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard, pages, wave_page
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import Choice, Moment, Number, ReasonForm, StudyForm, Text
from panel.desk.words import colour, label, moment
from panel.errors import BadInput
from panel.instruments.models import InstrumentVersion
from panel.members import permissions
from panel.members.models import Study
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


class PlanForm(StudyForm):
    """A plan, before anybody is drawn."""

    name = Text(label=_("Name"), help_text=_("Short, as 2024. It stands in no letter."), max_length=40)
    number = Number(label=_("Number"), min_value=1, help_text=_("Wave 0 was the recruitment."))
    instrument = forms.ModelChoiceField(
        label=_("Questionnaire"),
        queryset=InstrumentVersion.objects.none(),
        widget=Choice.widget,
        empty_label=None,
    )
    opens_at = Moment(label=_("Opens"), help_text=_("Norwegian time."))
    closes_at = Moment(label=_("Closes"))
    reminder_days = Text(
        label=_("Reminders"),
        required=False,
        initial="7, 14",
        help_text=_("Days after the invitation, as 7, 14."),
    )

    def __init__(self, *args: Any, studies: QuerySet[Study], **kwargs: Any) -> None:
        super().__init__(*args, studies=studies, **kwargs)
        approved = InstrumentVersion.objects.filter(
            instrument__study__in=studies, status=InstrumentVersion.Status.APPROVED
        )
        self.fields["instrument"].queryset = approved.select_related("instrument")  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return str(forms.SlugField().clean(self.cleaned_data["name"]))

    def clean_reminder_days(self) -> Sequence[int]:
        try:
            return [int(day) for day in self.cleaned_data["reminder_days"].replace(",", " ").split()]
        except ValueError as error:
            raise forms.ValidationError(gettext("Write days as numbers, as 7, 14.")) from error


def _approve(*, by: Actor, obj: Wave, now: datetime) -> Words:
    drawn = services.approve_wave(by=by, wave=obj, now=now)
    return gettext("Approved: %(count)d members are in the sample.") % {"count": drawn}


def _close(*, by: Actor, obj: Wave, now: datetime) -> Words:
    services.close_wave(by=by, wave=obj, now=now)
    return _("The wave is closed.")


def _lift(*, by: Actor, obj: Wave, now: datetime, reason: str) -> Words:
    services.lift_hours(by=by, wave=obj, reason=reason, now=now)
    return _("Letters of this wave may go at any hour; the reason stands on the study's page.")


def is_status(*statuses: str) -> Any:
    """A step that fits waves of these statuses."""
    return lambda wave: wave.status in statuses


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
            _("Draws the sample: each member who is active and agreed to waves. It can't be undone."),
            _approve, is_status(Status.PLANNED),
        ),
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
            path("<uuid:pk>/by/<slug:variable>/", inside(self.by_view), name="waves_wave_by"),
        ]

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.PLAN_WAVE not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Plan a wave"), "url": self.url("plan")}]

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """A new plan."""

        def act(by: Actor, now: datetime, **given: Any) -> pages.Done:
            if given["instrument"].instrument.study_id != given["study"].pk:
                raise BadInput(_("This questionnaire is another study's. Choose one of this study."))
            wave = services.plan_wave(by=by, now=now, **given)
            return pages.Done(
                _("The wave is planned. Now a project leader approves it."), self.url("change", wave.pk)
            )

        return pages.act(
            request,
            Verb.PLAN_WAVE,
            PlanForm,
            act,
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
        return {"next": NEXT[obj.status], **wave_page.context(request, obj, may)}
