"""Log-in, second factor and password: allauth's views in the desk's dress, with the audit row of what they change.

A change and its audit row are one transaction; the session that made it goes on, all others end (panel/staff).
"""

from collections.abc import Callable
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as key
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.desk import guard
from panel.desk.account_forms import CodeForm, KeyForm, LogInForm, dress
from panel.desk.site import desk
from panel.staff import selectors, services, sessions
from panel.staff.rules import has_second

Words = str | Promise


class Page:
    """What all these pages share: the desk's frame, a title, fields in its dress."""

    request: HttpRequest
    title: Words

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        frame = {**desk.each_context(self.request), "title": self.title, "provider": settings.OIDC_NAME}
        if _is_setting_up(self.request):
            frame |= {"setting_up": True, "is_nav_sidebar_enabled": False}
        return {**frame, **super().get_context_data(**given)}  # type: ignore[misc]

    def get_form(self, *given: Any) -> Any:
        form = super().get_form(*given)  # type: ignore[misc]
        dress(form)
        return form

    def change(self, form: Any, tell: Callable[..., None], **what: Any) -> HttpResponse:
        """Does what the form is for together with its audit row, and lets this session go on."""
        user = self.request.user
        with transaction.atomic():
            tell(user=user, now=clock.now(), **what)
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        sessions.begin(self.request.session, selectors.factors(user))
        return answer


def _is_setting_up(request: HttpRequest) -> bool:
    """Whether somebody must set up a second factor before anything else opens."""
    user = request.user
    return user.is_authenticated and settings.SECOND_FACTOR and not has_second(selectors.factors(user))


class LogIn(Page, account.LoginView):  # type: ignore[misc]
    """User name and password, or the institution's log-in."""

    template_name = "desk/account/login.html"
    form_class = LogInForm
    title = _("Log in")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who is logged in but has no role anywhere is told so, not sent in a circle."""
        if request.user.is_authenticated and not guard.has_role(request.user):
            frame = {**desk.each_context(request), "title": _("No role yet")}
            return render(request, "desk/account/no_role.html", frame)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class LogOut(account.LogoutView):  # type: ignore[misc]
    """By POST; looking at it leads back."""

    http_method_names = ["post"]


class ChangePassword(Page, account.PasswordChangeView):  # type: ignore[misc]
    """One's own; all other sessions end."""

    template_name = "desk/account/form.html"
    title = _("Change password")
    extra_context = {
        "sentence": _("At least twelve characters. All your other sessions end."),
        "button": _("Change it"),
    }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who logs in through the institution has no password here; the library would lead nowhere."""
        if request.user.is_authenticated and not request.user.has_usable_password():
            said = _("You log in without a password of this service, so there is none to change.")
            frame = {**desk.each_context(request), "title": self.title, "sentence": said}
            return render(request, "desk/refusal.html", frame)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def form_valid(self, form: Any) -> HttpResponse:
        answer = self.change(form, services.password_set)
        messages.success(self.request, _("Your password was changed."))
        return answer


class SetPassword(Page, PasswordResetConfirmView):
    """By the one-time link that the operator gave; then one logs in."""

    template_name = "desk/account/set_password.html"
    title = _("Choose a password")
    success_url = reverse_lazy("desk:login")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            services.password_set(user=form.user, now=clock.now())
            answer = super().form_valid(form)
        messages.success(self.request, _("Your password is set. Now log in."))
        return answer


class ConfirmPassword(Page, account.ReauthenticateView):  # type: ignore[misc]
    """Asked again before a second factor is changed."""

    template_name = "desk/account/confirm.html"
    title = _("Confirm that it is you")


class ConfirmCode(Page, factor.ReauthenticateView):  # type: ignore[misc]
    """The same by a code."""

    template_name = "desk/account/confirm.html"
    title = _("Confirm that it is you")


class ConfirmKey(Page, key.ReauthenticateWebAuthnView):  # type: ignore[misc]
    """The same by a security key."""

    template_name = "desk/account/confirm_key.html"
    title = _("Confirm that it is you")


class Second(Page, factor.AuthenticateView):  # type: ignore[misc]
    """The second factor at log-in."""

    template_name = "desk/account/second.html"
    form_class = CodeForm
    webauthn_form_class = KeyForm
    title = _("Second factor")

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        context = super().get_context_data(**given)
        dress(context["form"])
        kinds = {kind for _row, kind in selectors.factors(self.stage.login.user)}
        return {
            **context,
            "by_code": "totp" in kinds or "recovery_codes" in kinds,
            "by_key": "webauthn" in kinds,
        }


class Factors(Page, factor.IndexView):  # type: ignore[misc]
    """What one has set up."""

    template_name = "desk/account/factors.html"
    title = _("Second factor")


class AddApp(Page, app.ActivateTOTPView):  # type: ignore[misc]
    """An app on a phone that shows codes."""

    template_name = "desk/account/add_app.html"
    title = _("Add an app")

    def form_valid(self, form: Any) -> HttpResponse:
        return self.change(form, services.factor_added, kind=Authenticator.Type.TOTP.value)


class RemoveApp(Page, app.DeactivateTOTPView):  # type: ignore[misc]
    """Removes it."""

    template_name = "desk/account/form.html"
    title = _("Remove the app")
    extra_context = {"sentence": _("Its codes won't be taken any more."), "button": _("Remove it")}

    def form_valid(self, form: Any) -> HttpResponse:
        return self.change(form, services.factor_removed, kind=Authenticator.Type.TOTP.value)


class AddKey(Page, key.AddWebAuthnView):  # type: ignore[misc]
    """A security key, or the machine's own (fingerprint, face, PIN)."""

    template_name = "desk/account/add_key.html"
    title = _("Add a security key")

    def form_valid(self, form: Any) -> HttpResponse:
        return self.change(form, services.factor_added, kind=Authenticator.Type.WEBAUTHN.value)


class RemoveKey(Page, key.RemoveWebAuthnView):  # type: ignore[misc]
    """Removes it."""

    template_name = "desk/account/form.html"
    title = _("Remove a security key")
    success_url = reverse_lazy("mfa_index")
    extra_context = {"sentence": _("It won't be taken any more."), "button": _("Remove it")}

    def form_valid(self, form: Any) -> HttpResponse:
        return self.change(form, services.factor_removed, kind=Authenticator.Type.WEBAUTHN.value)


class Codes(Page, codes.ViewRecoveryCodesView):  # type: ignore[misc]
    """The recovery codes that weren't used."""

    template_name = "desk/account/codes.html"
    title = _("Recovery codes")


class NewCodes(Page, codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    """Ten new ones; the old ones are void."""

    template_name = "desk/account/form.html"
    title = _("New recovery codes")
    extra_context = {
        "sentence": _("Ten new codes are made. The old ones can't be used any more."),
        "button": _("Make new codes"),
    }

    def form_valid(self, form: Any) -> HttpResponse:
        return self.change(form, services.codes_made)


def too_many(request: HttpRequest) -> HttpResponse:
    """A pace that no person has."""
    frame = {**desk.each_context(request), "title": _("Too fast")}
    return render(request, "desk/account/too_many.html", frame, status=429)
