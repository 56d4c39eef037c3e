"""Where the mail provider tells what became of letters: one address, for the provider that is set, behind its secret.

django-anymail checks the secret and reads the form; what follows is panel/invitations'. No page, no session, and
nothing of the request is kept. The inbound half of anymail isn't served: answers come to the mailbox.
"""

from collections.abc import Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, tracking
from anymail.webhooks.base import AnymailCoreWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.conf import settings
from django.urls import URLPattern, path

from panel import clock
from panel.audit.rules import Actor
from panel.invitations import returns, webhooks
from panel.portal.checks import secret_is_wanting

app_name = "hooks"
PROVIDER = Actor.system("mail provider")
VIEWS: Mapping[str, type[AnymailCoreWebhookView]] = {
    "brevo": BrevoTrackingWebhookView,
    "mailgun": MailgunTrackingWebhookView,
    "postmark": PostmarkTrackingWebhookView,
}


def routes(provider: str) -> list[URLPattern]:
    """The provider's address; none without a secret, for then anybody could post there.

    anymail tells its events by a signal and in no other way, so one receiver is connected here, where the address is
    made. It is the only signal of the service: no step of ours sends one or relies on one.
    """
    if provider not in VIEWS or secret_is_wanting():
        return []
    tracking.connect(hear, dispatch_uid=__name__)
    return [path(f"{provider}", VIEWS[provider].as_view(), name=provider)]


def hear(*, event: AnymailTrackingEvent, **_more: Any) -> None:
    """One event. What raises here is answered 500, and the provider posts it again."""
    finding = webhooks.finding_of(event)
    if finding:
        row = webhooks.row_of(event)
        returns.note_return(by=PROVIDER, row_id=row, finding=finding, now=clock.now())


urlpatterns: list[URLPattern] = routes(settings.MAIL_PROVIDER)
