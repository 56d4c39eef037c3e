"""System checks of the portal: a mail provider that is to be heard must prove who it is."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

PROVIDERS = ("brevo", "mailgun", "postmark")
#: What a provider signs its posts with, besides the secret.
SIGNED = {"mailgun": "MAILGUN_WEBHOOK_SIGNING_KEY"}
SECRET_MIN = 20
#: The processes that serve the provider's address.
HEARING = {"all", "portal"}


def secret_is_wanting() -> bool:
    """Whether the webhook's secret is absent, or too short to be one."""
    user, _, password = str(settings.ANYMAIL.get("WEBHOOK_SECRET", "")).partition(":")
    return not user or len(password) < SECRET_MIN


def provider_is_set_up(**_options: Any) -> list[CheckMessage]:
    """The provider is one that is known, and its webhook has a secret and, where it signs, its key."""
    provider = settings.MAIL_PROVIDER
    if not provider or settings.PROCESS not in HEARING:
        return []
    if provider not in PROVIDERS:
        hint = f"One of {', '.join(PROVIDERS)}, or none."
        return [Error("MAIL_PROVIDER is none that can be heard.", hint=hint, id="portal.E001")]
    wanting: list[CheckMessage] = []
    if secret_is_wanting():
        hint = f"Set ANYMAIL_WEBHOOK_SECRET to user:password, the password {SECRET_MIN} characters or more."
        wanting.append(Error("The mail provider's webhook has no secret.", hint=hint, id="portal.E002"))
    if provider in SIGNED and not settings.ANYMAIL.get(SIGNED[provider]):
        hint = f"Set ANYMAIL_{SIGNED[provider]} to what the provider shows."
        wanting.append(
            Error("The mail provider signs its posts, and its key isn't set.", hint=hint, id="portal.E003")
        )
    return wanting
