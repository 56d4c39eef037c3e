"""At the door of the desk: ends sessions that are over, and lets nobody in who has no second factor yet.

Acts under /desk/ only; respondents' pages have no session and are not looked at.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.staff import selectors, services, sessions
from panel.staff.rules import Ending, has_second

PREFIX = "/desk/"
SAID: dict[Ending, str | Promise] = {
    Ending.IDLE: _("You were logged out because nothing happened for a while. Log in to go on."),
    Ending.TOO_LONG: _("You were logged out because the log-in was old. Log in to go on."),
    Ending.FACTORS: _("You were logged out because your second factor was changed. Log in to go on."),
}
#: What somebody reaches who must set up a second factor first.
SETTING_UP = frozenset(
    {
        "logout", "account_logout", "jsi18n", "account_reauthenticate", "mfa_index", "mfa_activate_totp",
        "mfa_add_webauthn", "mfa_view_recovery_codes",
    }
)  # fmt: skip


class StaffSession:
    """Middleware; after authentication and messages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Nothing of a page is done before the session was looked at."""
        if not request.path_info.startswith(PREFIX) or not request.user.is_authenticated:
            return None
        factors = selectors.factors(request.user)
        if over := sessions.check(request.session, factors):
            return _end(request, over)
        match = request.resolver_match
        if settings.SECOND_FACTOR and not has_second(factors) and match and match.url_name not in SETTING_UP:
            return HttpResponseRedirect(resolve_url("mfa_index"))
        return None


def _end(request: HttpRequest, why: Ending) -> HttpResponse:
    """Logs out and leads to the log-in; a page that was only looked at is come back to."""
    assert request.user.is_authenticated
    services.logged_out(user=request.user, why=why, now=clock.now())
    logout(request)
    messages.info(request, str(SAID[why]))
    back = f"?next={request.path}" if request.method == "GET" else ""
    return HttpResponseRedirect(resolve_url(settings.LOGIN_URL) + back)
