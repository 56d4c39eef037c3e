"""The desk's own admin site: who comes in, its few routes, its side bar. What it shows is in sections/."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog
from unfold.sites import UnfoldAdminSite

from panel import clock
from panel.desk import guard, navigation, start
from panel.journal import selectors as journal


class DeskSite(UnfoldAdminSite):  # type: ignore[misc]
    """Staff of at least one study come in; what they may do there is asked at each page."""

    site_title = site_header = _("Gjensyn desk")
    index_title = _("Start")
    final_catch_all_view = False
    enable_nav_sidebar = True
    settings_name = "UNFOLD"

    def has_permission(self, request: HttpRequest) -> bool:
        user: AbstractBaseUser | AnonymousUser = request.user
        return user.is_authenticated and guard.has_role(user)

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        """The index, jumps by name, pages of no table (log-in among them), and what is registered; no more."""
        inside = self.admin_view
        words = JavaScriptCatalog.as_view(packages=["django.contrib.admin"])
        urls: list[URLPattern | URLResolver] = [
            path("", inside(self.index), name="index"),
            path("jsi18n/", inside(words), name="jsi18n"),
            path("search/", inside(self.search), name="search"),
        ]
        urls.append(path("app/<slug:app_label>/", inside(_to_start), name="app_list"))
        urls += self.extra
        for model, admin in self._registry.items():
            prefix = (
                f"{admin.path_prefix}/" if hasattr(admin, "path_prefix") else f"{model._meta.model_name}/"
            )
            urls.append(path(prefix, include(admin.urls)))
        return urls

    #: Pages that belong to no table; filled by panel/desk/urls.py.
    extra: list[URLPattern | URLResolver] = []

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return navigation.groups(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The navigation says what there is; the admin's list by app would say it again."""
        return []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What stops all sending is said on every page."""
        context: dict[str, Any] = super().each_context(request)
        if context.get("has_permission"):
            context["alarm"] = journal.compare(now=clock.now()).sentence
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        request.current_app = self.name  # type: ignore[attr-defined]
        context = {
            **self.each_context(request),
            "title": self.index_title,
            **start.page(request, now=clock.now()),
        }
        return TemplateResponse(request, "desk/start.html", context)


def _to_start(request: HttpRequest, app_label: str) -> HttpResponse:
    """The admin's page of one app; Unfold's headers link to it, and the start page says the same better."""
    return HttpResponseRedirect(reverse("desk:index"))


desk = DeskSite(name="desk")
