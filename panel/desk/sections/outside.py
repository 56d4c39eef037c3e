"""What lies outside this service: a register with whom each thing holds, who is still to be taken out of it.

Nothing here deletes such a thing; it is told what a person did elsewhere (LAW-14, NO-04).
"""

from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter, display
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words
from panel.desk.forms import Choice, Day, DeskForm, LongText, StudyForm, Text
from panel.desk.words import day, label
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import files, selectors
from panel.rights.models import OutsideItem
from panel.rights.rules import NO_RECALL


class RegisterForm(StudyForm):
    """Something that lies outside."""

    kind = Choice(label=_("What it is"), choices=[("", _("Choose …")), *OutsideItem.Kind.choices])
    what = Text(label=_("What you call it"), max_length=120, help_text=_("No name of a member."))
    where = Text(label=_("Where it lies"), max_length=200)
    holder = Text(label=_("Who keeps it"))
    made_on = Day(label=_("Day it was made"))
    codes = LongText(
        label=_("Members whose data it holds"),
        required=False,
        max_length=2_000_000,
        help_text=_("Their codes, one a line. Whoever leaves later is then to be taken out of it."),
    )

    def clean_codes(self) -> list[str]:
        return str(self.cleaned_data["codes"]).replace(",", "\n").split("\n")


class TakeOutForm(DeskForm):
    """Whose data were removed; nobody is ticked beforehand."""

    codes = forms.MultipleChoiceField(
        label=_("Taken out of it, all copies"), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["codes"].choices = [(code, code) for code in self.initial["waiting"]]  # type: ignore[attr-defined]


class GoneForm(DeskForm):
    """When it was destroyed."""

    gone_on = Day(label=_("Day it was destroyed"))


def waiting(item: OutsideItem) -> list[str]:
    """The codes of who left and is still in it."""
    found = selectors.to_take_out([item.study]).filter(item=item)
    return sorted(found.values_list("code", flat=True))


def _take_out(*, by: Actor, obj: OutsideItem, now: datetime, codes: list[str]) -> Words:
    done = files.take_out(by=by, item=obj, codes=codes, now=now)
    return ngettext("%(count)d person is ticked off.", "%(count)d people are ticked off.", done) % {
        "count": done
    }


def _gone(*, by: Actor, obj: OutsideItem, now: datetime, gone_on: date) -> Words:
    files.mark_gone(by=by, item=obj, gone_on=gone_on, now=now)
    return _("Marked as gone. It stays in the register.")


class StandsFilter(SimpleListFilter):
    """What is still there, what holds somebody who left, what is gone."""

    title = _("state")
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("work", _("people to take out")), ("there", _("still there")), ("gone", _("gone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutsideItem]) -> QuerySet[OutsideItem]:
        if self.value() == "work":
            return queryset.filter(**{"has_work": True})
        return queryset if self.value() is None else queryset.filter(gone_on__isnull=self.value() == "there")


class OutsideAdmin(DeskAdmin[OutsideItem]):
    """The register."""

    path_prefix = "outside"
    heading = _("Outside this service")
    see = (Verb.SEE_REQUESTS, Verb.EDIT_STUDY)
    detail_template = "desk/outside.html"
    sentence = _(
        "Linked files, recordings, transcripts, raw files, backups and paper: who keeps them, and whose data they "
        "hold. No button here deletes them; a person does, and ticks it off."
    )
    empty = _("Nothing is registered. Register each linked file, recording or backup when it is made.")
    list_display = ("shown_what", "shown_kind", "shown_holder", "shown_people", "shown_made", "shown_state")
    list_display_links = ("shown_what",)
    list_filter = (StandsFilter, "kind")
    search_fields = ("what", "holder")
    search_help_text = _("What it is called, or who keeps it")
    steps = (
        Step[OutsideItem](
            "taken-out", Verb.ANSWER_REQUEST, _("Tick off who was taken out"),
            _("Remove them from every copy first. Day and your name are kept."),
            _take_out, lambda item: bool(waiting(item)), TakeOutForm,
            initial=lambda item: {"waiting": waiting(item)},
        ),
        Step[OutsideItem](
            "gone", Verb.EDIT_STUDY, _("Mark as gone"),
            _("It was destroyed or deleted, with all copies. It stays in the register with the day."),
            _gone, lambda item: item.gone_on is None, GoneForm, danger=True,
            initial=lambda item: {"gone_on": timezone.localdate(clock.now())},
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutsideItem]:
        """With what the list counts, so that it is one query."""
        work = selectors.to_take_out(self.studies(request)).filter(item=OuterRef("pk"))
        people = Count("holdings", filter=Q(holdings__removed_on=None))
        found = super().get_queryset(request).select_related("study")
        return found.annotate(people=people, has_work=Exists(work)).order_by("-has_work", "-made_on", "what")

    def extra_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.register_view)
        return [path("register/", view, name="rights_outsideitem_register")]

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.EDIT_STUDY not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Register something"), "url": self.url("register")}]

    def register_view(self, request: HttpRequest) -> HttpResponse:
        """Something new outside."""

        def act(by: Actor, now: datetime, study: Study, **given: Any) -> pages.Done:
            item = files.register(by=by, study=study, now=now, **given)
            return pages.Done(gettext("Registered."), self.url("change", item.pk))

        return pages.act(
            request,
            Verb.EDIT_STUDY,
            RegisterForm,
            act,
            initial={"made_on": timezone.localdate(clock.now())},
            title=_("Register something outside"),
            sentence=_("So that it is found when somebody leaves, and at the end of the project."),
            button=_("Register it"),
        )

    @display(description=_("called"), ordering="what")
    def shown_what(self, item: OutsideItem) -> str:
        return item.what

    @display(description=_("kept by"), ordering="holder")
    def shown_holder(self, item: OutsideItem) -> str:
        return item.holder

    @display(description=_("what it is"), ordering="kind")
    def shown_kind(self, item: OutsideItem) -> str:
        return item.get_kind_display()

    @display(description=_("people in it"))
    def shown_people(self, item: OutsideItem) -> Any:
        return item.people or "–"  # type: ignore[attr-defined]

    @display(description=_("made"), ordering="made_on")
    def shown_made(self, item: OutsideItem) -> str:
        return day(item.made_on)

    @display(description=_("state"))
    def shown_state(self, item: OutsideItem) -> str:
        return state_label(item)

    def detail(self, request: HttpRequest, obj: OutsideItem, may: frozenset[Verb]) -> dict[str, Any]:
        left = waiting(obj)
        held = obj.holdings.filter(removed_on=None)
        return {
            "waiting": left,
            "held": held.count(),
            "removed": obj.holdings.exclude(removed_on=None).order_by("-removed_on", "code"),
            "state": state_label(obj),
            "no_recall": NO_RECALL,
        }


def state_label(item: OutsideItem) -> str:
    """Gone, or with people to take out, or simply there."""
    if item.gone_on:
        return label(gettext("gone"), "")
    if item.has_work:  # type: ignore[attr-defined]
        return label(gettext("people to take out"), "warning")
    return label(gettext("there"), "success")
