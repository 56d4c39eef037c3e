"""What a researcher's token opens: approved releases and their files. Log-ins and sessions play no part."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from panel import clock
from panel.api.serializers import ReleaseSerializer
from panel.audit.rules import Actor
from panel.errors import NotFound
from panel.members import permissions
from panel.members.rules import Verb
from panel.releases import selectors, services
from panel.releases.models import Release, ReleaseFile


class MayDownload(BasePermission):
    """Somebody who may download releases of some study."""

    message = _("None of your roles allows downloading releases.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return permissions.studies_for(request.user, Verb.DOWNLOAD_RELEASE).exists()


class ByUser(UserRateThrottle):
    """Counts by user; who isn't one was refused before, and no IP address is kept (NEV-02)."""

    rate = "120/min"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class Guarded(APIView):
    """A token, a role, a pace."""

    permission_classes = [IsAuthenticated, MayDownload]
    throttle_classes = [ByUser]

    def get_queryset(self) -> QuerySet[Release]:
        """Approved releases of the person's studies; others don't exist for them."""
        return selectors.downloadable_by(self.request.user).prefetch_related(files())


def files() -> Any:
    """Names and hashes, without the bytes."""
    return Prefetch("files", ReleaseFile.objects.defer("content").order_by("name"))


class ReleaseList(Guarded, ListAPIView[Release]):
    """GET /api/v1/releases/"""

    serializer_class = ReleaseSerializer


class ReleaseDetail(Guarded, RetrieveAPIView[Release]):
    """GET /api/v1/releases/<id>/"""

    serializer_class = ReleaseSerializer


class ReleaseFileView(Guarded):
    """GET /api/v1/releases/<id>/files/<name>"""

    def get(self, request: Request, pk: UUID, name: str) -> HttpResponse:
        """The bytes that were approved."""
        release = selectors.downloadable_by(request.user).filter(pk=pk).first()
        if release is None:
            raise NotFound(_("There is no such release for you."))
        by = Actor.staff(request.user.get_username())
        data = services.open_download(by=by, release=release, file=name, now=clock.now())
        answer = HttpResponse(data, content_type="application/octet-stream")
        answer["Content-Disposition"] = "attachment"
        answer["Cache-Control"] = "no-store, private"
        return answer
