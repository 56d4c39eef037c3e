"""When a wave may change its status, what a plan must keep to, who is drawn. Pure: takes `now`, returns or
raises.

Not here: what may be sent to one member at one moment (invitations/rules.py), nor codes and rates.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.members.models import PanelMember
from panel.waves.models import Wave

#: The whole life of a wave; docs/states.md is made from it.
TRANSITIONS: dict[Wave.Status, frozenset[Wave.Status]] = {
    Wave.Status.PLANNED: frozenset({Wave.Status.APPROVED}),
    Wave.Status.APPROVED: frozenset({Wave.Status.OPEN}),
    Wave.Status.OPEN: frozenset({Wave.Status.CLOSED}),
    Wave.Status.CLOSED: frozenset(),
}


def check_change(now_is: str, to: Wave.Status) -> None:
    """Refuses a change of status that is not in the table."""
    if to not in TRANSITIONS[Wave.Status(now_is)]:
        sentence = _(
            "The wave is %(now)s and can't become %(to)s. Look at its page for what can be done now."
        )
        raise NotNow(sentence % {"now": Wave.Status(now_is).label, "to": to.label})


def check_plan(
    *,
    opens_at: datetime,
    closes_at: datetime,
    reminder_days: Sequence[int],
    reminders_max: int,
    gap_days: int,
) -> None:
    """Refuses a plan that breaks the study's limits on contact or reminds after the close."""
    if closes_at <= opens_at:
        raise BadInput(_("The wave closes before it opens: give a later closing time."))
    if len(reminder_days) > reminders_max:
        raise BadInput(
            _("The study allows %(max)d reminders in a wave: plan fewer.") % {"max": reminders_max}
        )
    before = 0
    for day in reminder_days:
        if day - before < gap_days:
            sentence = _("Reminders are at least %(gap)d days apart from each other and from the invitation.")
            raise BadInput(sentence % {"gap": gap_days})
        before = day
    if before >= (closes_at - opens_at) / timedelta(days=1):
        raise BadInput(_("A reminder would be due after the close: close later or plan fewer reminders."))


def drawn(*, status: str, cohort: str, cohorts: Collection[str], agreed: bool) -> bool:
    """Whether a member is in the sample. Where a member lives has no part in it: a leaver stays in
    (RES-05).
    """
    return status == PanelMember.Status.ACTIVE and agreed and (not cohorts or cohort in cohorts)


def due_change(*, status: str, opens_at: datetime, closes_at: datetime, now: datetime) -> Wave.Status | None:
    """What the clock alone makes of a wave."""
    if status == Wave.Status.APPROVED and opens_at <= now:
        return Wave.Status.OPEN
    if status == Wave.Status.OPEN and closes_at <= now:
        return Wave.Status.CLOSED
    return None
