"""The consent ledger: a list to read, by code; rows have no page, for ids stay inside."""

from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from consent import selectors
from consent.models import ConsentEntry
from panel.desk import pages
from panel.desk.base import DeskAdmin, column
from panel.desk.words import day
from panel.errors import NotAllowed
from panel.members.rules import Verb, tidy_code


class ConsentAdmin(DeskAdmin[ConsentEntry]):
    """What was agreed to and withdrawn; the latest entry of a purpose decides."""

    path_prefix = "consents"
    heading = _("Consents")
    see = (Verb.SEE_CONSENT,)
    sentence = _("The latest entry of a member and purpose decides. No row can be changed.")
    empty = _("Nobody agreed to anything yet. Entries come by enrolling a recruitment file.")
    shown_subject = column("subject", _("member"))
    shown_purpose = column("purpose", _("purpose"))
    shown_action = column("action", _("action"))
    shown_form_version = column("form_version", _("form"))
    shown_language = column("language", _("language"))
    shown_channel = column("channel", _("how it came"))
    list_display = (
        "shown_subject",
        "shown_purpose",
        "shown_action",
        "shown_form_version",
        "shown_language",
        "shown_channel",
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

    @display(description=_("the words"))
    def shown_hash(self, entry: ConsentEntry) -> Any:
        if not entry.text_sha256:
            return "–"
        url = self.url("words", entry.text_sha256)
        return format_html('<a class="desk-detail" href="{}">{} …</a>', url, entry.text_sha256[:12])

    def extra_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        return [path("words/<str:sha256>/", inside(self.words_view), name="consent_consententry_words")]

    def words_view(self, request: HttpRequest, sha256: str) -> HttpResponse:
        """The words an entry points to, by their hash: an entry's own id stays inside."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("None of your roles opens this page."))
        keys = list(self.studies(request).values_list("key", flat=True))
        shown = selectors.words_of_hash(study_keys=keys, sha256=sha256)
        if not shown:
            raise Http404
        context = {
            "shown": shown, "sha256": sha256, "title": _("Signed words"), "section": self.heading,
            "list": self.url("changelist"),
        }  # fmt: skip
        return pages.page(request, "desk/consent_words.html", context)
