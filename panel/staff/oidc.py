"""The institution's log-in (OpenID Connect, as Feide): who it names is let in only if staff here already.

Matched by the subject that an operator noted, or by an address that the institution vouches for. Nothing of what
it tells is kept but the subject. Its second factor does not replace ours.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.staff import services

#: Under this name the institution's log-in stands in addresses and in the table of linked accounts.
PROVIDER = "oidc"
FAILED = _("The institution's log-in did not work. Try again, or log in with your password.")
UNKNOWN = _("The institution knows you, but you have no log-in here. Ask the operator to make one.")


class Institution(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """allauth's client, stricter: the signature is always checked, and both answers must be about one person."""

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        decoded: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return decoded

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **given: Any
    ) -> SocialLogin:
        if not given["response"].get("id_token"):
            raise OAuth2Error("no id_token")
        login = super().complete_login(request, app, token, **given)
        told = login.account.extra_data
        if told["id_token"]["sub"] != told["userinfo"].get("sub"):
            raise OAuth2Error("id_token and userinfo name two people")
        login.account.extra_data = {}
        return login


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by it."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Ties a first log-in to the staff user of the same verified address; turns everybody else away."""
        if sociallogin.is_existing:
            return
        user = _staff_of(sociallogin)
        if user is None:
            raise ImmediateHttpResponse(refused(request, UNKNOWN))
        with transaction.atomic():
            services.linked(user=user, now=clock.now())
            sociallogin.connect(request, user)

    def on_authentication_error(self, request: HttpRequest, *args: Any, **given: Any) -> None:
        raise ImmediateHttpResponse(refused(request, FAILED))


def refused(request: HttpRequest, sentence: str | Promise) -> HttpResponse:
    """Back to the log-in, with the reason and an audit row that names nobody."""
    services.log_in_failed(username="", method="openid connect", now=clock.now())
    messages.error(request, str(sentence))
    return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))


def _staff_of(sociallogin: SocialLogin) -> User | None:
    """The one active user with an address that the institution says it verified."""
    verified = [address.email for address in sociallogin.email_addresses if address.verified is True]
    users = get_user_model().objects.filter(is_active=True)
    found = [user for email in verified if email for user in users.filter(email__iexact=email)]
    return found[0] if len(found) == 1 else None
