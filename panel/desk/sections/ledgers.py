"""The audit trail and the consent ledger: lists to read, by code; rows have no page, for ids stay inside."""

import json
from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.desk.base import DeskAdmin
from panel.desk.words import day, moment
from panel.members.rules import Verb, tidy_code

#: A sending's codes fill a page: more than this is folded.
SHORT = 80


class AuditAdmin(DeskAdmin[AuditEvent]):
    """Who did what to whom, newest first."""

    path_prefix = "audit"
    heading = _("Audit trail")
    see = (Verb.SEE_AUDIT,)
    sentence = _("Who did what, by code. No row can be changed; `manage.py audit verify` proves it.")
    empty = _("Nothing was recorded yet.")
    list_display = ("shown_at", "actor", "verb", "subject", "study", "shown_detail")
    list_display_links = None
    list_filter = ("verb",)
    search_fields = ("subject", "actor")
    search_help_text = _("A member code, a wave, a user name")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        slugs = self.studies(request).values("slug")
        return AuditEvent.objects.filter(study__in=slugs)

    @display(description=_("when"), ordering="id")
    def shown_at(self, event: AuditEvent) -> str:
        return moment(event.at)

    @display(description=_("detail"))
    def shown_detail(self, event: AuditEvent) -> str:
        words = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
        if len(words) <= SHORT:
            return format_html('<span class="desk-detail">{}</span>', words)
        detail = '<details class="desk-detail"><summary>{} …</summary>{}</details>'
        return format_html(detail, words[:SHORT], words)


class ConsentAdmin(DeskAdmin[ConsentEntry]):
    """What was agreed to and withdrawn; the latest entry of a purpose decides."""

    path_prefix = "consents"
    heading = _("Consents")
    see = (Verb.SEE_CONSENT,)
    sentence = _("The latest entry of a member and purpose decides. No row can be changed.")
    empty = _("Nobody agreed to anything yet. Entries come by enrolling a recruitment file.")
    list_display = (
        "subject",
        "purpose",
        "action",
        "form_version",
        "language",
        "channel",
        "shown_day",
        "shown_hash",
    )
    list_display_links = None
    list_filter = ("purpose", "action")
    search_fields = ("subject",)
    search_help_text = _("A member code or its beginning")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEntry]:
        return ConsentEntry.objects.filter(study_key__in=self.studies(request).values("key"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEntry], search_term: str
    ) -> tuple[QuerySet[ConsentEntry], bool]:
        return queryset.filter(subject__startswith=tidy_code(search_term)), False

    @display(description=_("day"), ordering="day")
    def shown_day(self, entry: ConsentEntry) -> str:
        return day(entry.day)

    @display(description=_("words' hash"))
    def shown_hash(self, entry: ConsentEntry) -> Any:
        return entry.text_sha256[:12]
