"""The border of the desk: refusals become pages with a status; pages are private and have their own CSP.

Respondents' pages are not touched.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from consent.errors import ConsentError
from panel.desk.site import desk
from panel.errors import Refusal, status_of

PREFIX = "/desk/"
LANGUAGES = ("en", "nb")
#: Unfold's Alpine.js evaluates expressions and its widgets set styles; nothing comes from elsewhere (NEV-06).
POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}


class DeskBorder:
    """Middleware; acts under /desk/ only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        language = translation.get_language()
        with translation.override(language if language in LANGUAGES else "en"):
            response = self.get_response(request)
        response._csp_replace = POLICY  # type: ignore[attr-defined]  # read by django-csp
        add_never_cache_headers(response)
        response["Cache-Control"] = "no-store, private"
        # With "no-referrer" browsers send "Origin: null" with each form, which the check of CSRF refuses.
        response["Referrer-Policy"] = "same-origin"
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page that says what to do instead; None for what is no refusal."""
        if not request.path_info.startswith(PREFIX) or (status := status_of(error)) == 500:
            return None
        known = isinstance(error, Refusal | ConsentError)
        sentence = str(error) if known else _default_sentence(status)
        context = {**desk.each_context(request), "title": _title(status), "sentence": sentence}
        request.current_app = desk.name  # type: ignore[attr-defined]
        return render(request, "desk/refusal.html", context, status=status)


def _title(status: int) -> str:
    return {403: _("Not for your role"), 404: _("Not found"), 409: _("Not now")}.get(
        status, _("That can't be used")
    )


def _default_sentence(status: int) -> str:
    if status == 404:
        return _("There is no such page, or it isn't for you. Go back to the start page.")
    return _("None of your roles allows this. A project leader can give you another one.")
