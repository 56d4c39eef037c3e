"""The keys' state: versions, how many data keys each wraps, what was last done to them. No key is near."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from panel.audit.models import AuditEvent
from panel.audit.verbs import GROUPS
from panel.desk import guard, pages
from panel.keys import selectors
from panel.members.rules import Verb

#: How many of the last events stand on the page.
LAST = 10


def keys(request: HttpRequest) -> HttpResponse:
    """For leader and data-protection officer."""
    guard.studies_for(request, Verb.SEE_KEYS)
    events = AuditEvent.objects.filter(study="", verb__in=GROUPS["keys"].verbs).order_by("-id")[:LAST]
    context = {"title": _("Keys"), "versions": selectors.status(), "events": events}
    return pages.page(request, "desk/keys.html", context)
