"""Which pages a process serves: respondents' at the root, the desk under /desk/, the API under /api/v1/."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

#: What allauth shows to whoever is too fast at the log-in.
handler429 = "panel.desk.accounts.too_many"

urlpatterns: list[URLPattern | URLResolver] = []
if settings.PROCESS in {"all", "desk", "migrate"}:
    urlpatterns += [
        path("desk/", include("panel.desk.urls")),
        path("desk/", include("panel.desk.account_urls")),
    ]
if settings.PROCESS in {"all", "portal"} and settings.MAIL_PROVIDER:
    urlpatterns += [path("hooks/", include("panel.portal.hooks"))]
if settings.PROCESS in {"all", "portal"}:
    urlpatterns += [path("api/v1/", include("panel.api.urls")), path("", include("panel.portal.urls"))]
