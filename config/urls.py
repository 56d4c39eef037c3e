"""Which pages a process serves: respondents' at the root, the desk under /desk/, the API under /api/v1/."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = []
if settings.PROCESS in {"all", "desk", "migrate"}:
    urlpatterns.append(path("desk/", include("panel.desk.urls")))
if settings.PROCESS in {"all", "portal"}:
    urlpatterns += [path("api/v1/", include("panel.api.urls")), path("", include("panel.portal.urls"))]
