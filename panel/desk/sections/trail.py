"""The audit trail: read, filtered and taken along by the data-protection officer; rows have no page."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.timezone import make_aware
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from panel import clock
from panel.audit.models import AuditEvent
from panel.audit.verbs import GROUPS
from panel.desk import guard
from panel.desk.base import DeskAdmin, column
from panel.desk.forms import Choice, Day, DeskForm, Text
from panel.desk.words import moment
from panel.errors import BadInput
from panel.members.rules import Verb
from panel.rights import trail
from panel.rights.trail import NO_STUDY, Wanted

#: A sending's codes fill a line: more than this is folded.
SHORT = 80
#: Each verb in plain words.
WORDS = {verb: words for group in GROUPS.values() for verb, words in group.verbs.items()}


class WantedForm(DeskForm):
    """What to look for; nothing is required."""

    since = Day(label=_("From"), required=False)
    until = Day(label=_("To and with"), required=False)
    group = Choice(label=_("About"), required=False)
    actor = Text(label=_("Who did it"), required=False)
    subject = Text(label=_("To whom or what"), required=False)
    study = Choice(label=_("Study"), required=False)

    def __init__(self, *args: Any, studies: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups, choices = (
            [(key, group.name) for key, group in GROUPS.items()],
            [(one, one) for one in studies],
        )
        for name, given in (("group", groups), ("study", [*choices, (NO_STUDY, _("without a study"))])):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("all")), *given]

    def wanted(self) -> Wanted:
        """As the selector asks for it: whole days in Norway."""
        if not self.is_valid():
            raise BadInput(_("Give days as 2024-12-31, and choose from the lists."))
        given, until = self.cleaned_data, self.cleaned_data["until"]
        words = {name: given[name] for name in ("group", "actor", "subject", "study")}
        return Wanted(
            since=_begin(given["since"]), until=_begin(until and until + timedelta(days=1)), **words
        )


def _begin(day: date | None) -> datetime | None:
    return make_aware(datetime.combine(day, time())) if day else None


class TrailList(ChangeList):  # type: ignore[misc]
    """A list narrowed by our own form; the admin would refuse words it does not know."""

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        return {key: value for key, value in found.items() if key not in WantedForm.base_fields}


class AuditAdmin(DeskAdmin[AuditEvent]):
    """Who did what to whom, newest first."""

    path_prefix = "audit"
    heading = _("Audit trail")
    see = (Verb.SEE_AUDIT,)
    sentence = _("Who did what, by code. No row can be changed; `manage.py audit verify` proves it.")
    empty = _("Nothing was recorded that fits.")
    shown_actor = column("actor", _("who"))
    shown_subject = column("subject", _("to whom or what"))
    shown_study = column("study", _("study"))
    list_display = ("shown_at", "shown_actor", "shown_verb", "shown_subject", "shown_study", "shown_detail")
    list_display_links = None
    list_before_template = "desk/trail_before.html"
    ordering = ("-id",)
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **given: Any) -> type[ChangeList]:
        return TrailList

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return trail.matching(trail.readable(request.user), self._form(request).wanted())

    def extra_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        return [path("csv/", inside(self.csv_view), name="audit_auditevent_csv")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form = self._form(request)
        if form.is_bound and not form.is_valid():
            return HttpResponseRedirect(self.url("changelist"))
        return super().changelist_view(request, {"form": form, "csv": self.url("csv")})

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """What is filtered, as a file. By POST, for it leaves a row of its own."""
        guard.studies_for(request, Verb.SEE_AUDIT)
        if request.method != "POST":
            return HttpResponseRedirect(self.url("changelist"))
        wanted, user = self._form(request).wanted(), request.user
        assert user.is_authenticated
        lines = trail.export(by=guard.actor(request), user=user, wanted=wanted, now=clock.now())
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
        return answer

    def _form(self, request: HttpRequest) -> WantedForm:
        given = request.POST if request.method == "POST" else request.GET
        studies = [study.slug for study in self.studies(request)]
        form: WantedForm = request.__dict__.setdefault("_trail", WantedForm(given, studies=studies))
        return form

    @display(description=_("when"), ordering="id")
    def shown_at(self, event: AuditEvent) -> str:
        return moment(event.at)

    @display(description=_("what"))
    def shown_verb(self, event: AuditEvent) -> str:
        what = '{}<br><span class="desk-quiet">{}</span>'
        return format_html(what, WORDS.get(event.verb, ""), event.verb)

    @display(description=_("detail"))
    def shown_detail(self, event: AuditEvent) -> str:
        words = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
        if len(words) <= SHORT:
            return format_html('<span class="desk-detail">{}</span>', words)
        detail = '<details class="desk-detail"><summary>{} …</summary>{}</details>'
        return format_html(detail, words[:SHORT], words)
