"""What members change on their own page: where they live, language, hours; and the link to that page by mail.

The checks that all of these share stand here. Not here: stops (services.py), copies (copies.py), a new address
(addresses.py).
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations import again
from panel.invitations.models import Outgoing
from panel.invitations.study_limits import look_again
from panel.members import hours, permissions
from panel.members import selectors as membership
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency import services as residency
from panel.residency.models import Evidence, Source
from panel.residency.rules import is_month

#: What can be told of on the own page: RES-01 without "unknown", which nobody tells.
PLACES = tuple(place for place in PanelMember.Place if place != PanelMember.Place.UNKNOWN)
#: Corrections a day, so that a page left open on a shared phone fills no table.
DAILY = 5
#: Letters with the own page's link in seven days: anybody who knows an address can ask for one.
WEEKLY = 3


def check_own(by: Actor, member: PanelMember) -> None:
    """Only the member, only while the data may be changed: not when frozen, not when about to be deleted."""
    permissions.check_self(by, member)
    if is_frozen(member):
        raise NotNow(
            _("Nothing can be changed here now: your data are frozen or about to be deleted, as you asked.")
        )


def is_frozen(member: PanelMember) -> bool:
    """Whether the member's data are held for a restriction (LAW-10) or wait for their deletion (LAW-06)."""
    return member.status == PanelMember.Status.DELETING or membership.is_restricted(member)


@transaction.atomic
def correct_residence(
    *, by: Actor, member: PanelMember, place: str, month: str = "", now: datetime
) -> Evidence:
    """What the member says is right (RES-04), kept beside what was told before."""
    check_own(by, member)
    if place not in PLACES:
        raise BadInput(_("Please choose one of these."))
    if month and not (is_month(month) and month <= f"{timezone.localdate(now):%Y-%m}"):
        raise BadInput(_("Please choose a month and a year that are not in the future, or leave both blank."))
    told_today = Evidence.objects.filter(
        member=member, source=Source.OWN_PAGE, told_on=timezone.localdate(now)
    )
    if told_today.count() >= DAILY:
        raise NotNow(
            _("You have changed this several times today. Please come back tomorrow or write to us.")
        )
    return residency.told_on_own_page(by=by, member=member, place=place, month=month, now=now)


@transaction.atomic
def choose_language(*, by: Actor, member: PanelMember, language: str, now: datetime) -> None:
    """The language of letters and pages from now on."""
    check_own(by, member)
    if language not in member.study.languages:
        raise BadInput(_("Please choose one of these."))
    if language != member.language:
        members.set_language(by=by, member=member, language=language, now=now)


@transaction.atomic
def choose_hours(
    *, by: Actor, member: PanelMember, hours_from: int | None, hours_until: int | None, now: datetime
) -> None:
    """When letters come from now on; what waits for the old hours is looked at again."""
    check_own(by, member)
    hours.check(hours_from, hours_until)
    if (hours_from, hours_until) != (member.hours_from, member.hours_until):
        hours.set_hours(by=by, member=member, hours_from=hours_from, hours_until=hours_until, now=now)
        look_again(Outgoing.objects.filter(member=member), now)


@transaction.atomic
def mail_own_page(*, by: Actor, member: PanelMember, now: datetime) -> None:
    """A letter with the link to the own page, to the address we have; once a day, however often it is asked.

    For who comes by a link of another purpose: that link opens no own page (TOK-01), the mailbox does.
    """
    permissions.check_self(by, member)
    if member.status == PanelMember.Status.DELETING:
        raise NotNow(_("You asked us to delete everything, so we don’t write to you any more."))
    queue_own_page(by=by, member=member, now=now)


@transaction.atomic
def queue_own_page(*, by: Actor, member: PanelMember, now: datetime) -> bool:
    """The letter itself, to questions that are open too; False where one went today already, or often enough in
    seven days.
    """
    PanelMember.objects.select_for_update().get(pk=member.pk)
    if again.sent(member, days=1, now=now) or again.sent(member, days=7, now=now) >= WEEKLY:
        return False
    again.queue(member=member, now=now)
    audit.record(by=by, verb="own_page.asked", now=now, study=member.study.slug, subject=member.code)
    return True
