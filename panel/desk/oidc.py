"""The way to the institution's log-in and back. Who may come in by it is panel/staff/oidc.py's."""

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from panel.desk.site import desk
from panel.staff.oidc import FAILED, Institution, refused


@require_POST
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Leads on by a page of ours: a form that is led elsewhere would be stopped by our own content policy."""
    try:
        answer: HttpResponse = OAuth2LoginView.adapter_view(Institution(request, provider_id))(request)
    except (SocialApp.DoesNotExist, RequestException):
        return refused(request, FAILED)
    if not isinstance(answer, HttpResponseRedirect):
        return answer
    frame = {**desk.each_context(request), "title": _("To the institution's log-in"), "onward": answer.url}
    return render(request, "desk/account/onward.html", frame)


@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the institution sends somebody back. The code works once and for the browser that began."""
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(Institution(request, provider_id))(request)
    except (SocialApp.DoesNotExist, RequestException):
        return refused(request, FAILED)
    return answer
