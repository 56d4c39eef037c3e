"""When a member wants letters: hours of their own choice, by the clocks in Norway, worked out from nothing."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput
from panel.members.models import PanelMember

#: No letter before or after, whatever is chosen; and so long at least that a busy day gets everybody their letter.
FIRST, LAST, LEAST = 7, 22, 3


def check(hours_from: int | None, hours_until: int | None) -> None:
    """Refuses hours that no letter could keep to."""
    if hours_from is None and hours_until is None:
        return
    if hours_from is None or hours_until is None:
        raise BadInput(_("Please choose both: from when and until when."))
    if not FIRST <= hours_from < hours_until <= LAST or hours_until - hours_from < LEAST:
        raise BadInput(_("Please choose at least three hours, between 7 and 22 in Norway."))


@transaction.atomic
def set_hours(
    *, by: Actor, member: PanelMember, hours_from: int | None, hours_until: int | None, now: datetime
) -> None:
    """Letters come between these hours from now on; without any they come when everybody's do."""
    check(hours_from, hours_until)
    PanelMember.objects.filter(pk=member.pk).update(hours_from=hours_from, hours_until=hours_until)
    # Which hours stays out of the trail: it is nobody's business but the member's.
    audit.record(by=by, verb="member.hours_set", now=now, study=member.study.slug, subject=member.code)
    member.hours_from, member.hours_until = hours_from, hours_until
