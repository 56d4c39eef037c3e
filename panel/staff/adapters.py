"""How django-allauth behaves here: nobody signs up, nothing is mailed, each log-in has its audit row.

The pages are panel/desk/accounts.py; what is allowed at the institution's log-in is oidc.py's.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.keys import factors
from panel.staff import selectors, services, sessions

#: In settings.ACCOUNT_RATE_LIMITS the same span stands for tries by name and by address.
TOO_MANY = _("Too many tries failed. Wait five minutes, then try again.")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Log-in by user name; sessions and audit are ours."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
        "username_password_mismatch": _("This user name and password don't belong together."),
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your password."),
        "incorrect_code": _("This code is not right. Codes of an app change every half minute."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("desk:index")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("desk:login")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("desk:index")

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """A session of its own for each log-in, with its audit row or not at all."""
        records = get_authentication_records(request, user)
        methods = [str(record.get("type") or record["method"]) for record in records]
        with transaction.atomic():
            super().login(request, user)
            services.logged_in(user=user, methods=methods, now=clock.now())
        sessions.begin(request.session, selectors.factors(user))

    def logout(self, request: HttpRequest) -> None:
        assert request.user.is_authenticated
        services.logged_out(user=request.user, why=None, now=clock.now())
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        services.log_in_failed(username=credentials.get("username", ""), method="password", now=clock.now())

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        messages.error(request, _("This log-in is closed. Ask the operator."))
        return HttpResponseRedirect(resolve_url("desk:login"))

    def add_message(self, request: HttpRequest, level: int, *args: Any, **given: Any) -> None:
        """Only what is said in so many words; allauth's own messages stay out, our pages say theirs."""
        if given.get("message"):
            messages.add_message(request, level, given["message"])


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors; what they are made from is kept sealed."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def encrypt(self, text: str) -> str:
        return factors.seal_factor(text)

    def decrypt(self, encrypted_text: str) -> str:
        return factors.open_factor(encrypted_text)
