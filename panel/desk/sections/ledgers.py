"""The consent ledger: a list to read, by code; rows have no page, for ids stay inside."""

from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from consent.models import ConsentEntry
from panel.desk.base import DeskAdmin
from panel.desk.words import day
from panel.members.rules import Verb, tidy_code


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
