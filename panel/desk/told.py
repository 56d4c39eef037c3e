"""What a member told staff by mail, letter or phone: a stop, a request on their rights. By code; no address."""

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.contacts import member_of
from panel.desk.forms import Choice, Day, DeskForm, LongText, MemberForm, Tick
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.rights import requests, selectors
from panel.rights import services as rights
from panel.rights.models import Request, Stop
from panel.rights.rules import LEAVING, NO_RECALL, RUNGS

#: How a request reaches staff; members' own page records its own.
CHANNELS = [one for one in Request.Channel if one != Request.Channel.OWN_PAGE]


class RungForm(DeskForm):
    """Which rung a member chose, when they told it, and until when a pause lasts."""

    rung = Choice(
        label=_("What the member asked for"),
        choices=[("", _("Choose …")), *((rung, RUNGS[rung].name) for rung in Stop.Rung)],
    )
    told_on = Day(label=_("Day it was told"))
    until = Day(label=_("Until"), required=False, help_text=_("For a pause only."))
    waive = Tick(
        label=_("Delete without waiting 14 days"),
        required=False,
        help_text=_("Only where the member asked for that: it can’t be taken back."),
    )
    never_again = Tick(
        label=_("Never contact this address again"),
        required=False,
        help_text=_(
            "Only with leaving, and only where the member asked for it: a later file won’t enrol them."
        ),
    )


class StopForm(MemberForm, RungForm):
    """The same, for a member given by code."""

    field_order = ("study", "code", "rung", "told_on", "until", "waive", "never_again")


class RequestForm(MemberForm):
    """A request as it came in."""

    kind = Choice(label=_("What it is about"), choices=[("", _("Choose …")), *Request.Kind.choices])
    channel = Choice(
        label=_("How it came"), choices=[("", _("Choose …")), *((one.value, one.label) for one in CHANNELS)]
    )
    received_on = Day(label=_("Day it was received"), help_text=_("The time to answer runs from this day."))
    asked = LongText(
        label=_("In short"), required=False, help_text=_("What it is about. Write no name and no address.")
    )


def stop(request: HttpRequest) -> HttpResponse:
    """Records what a member asked staff for; the member gets a receipt."""

    def act(by: Actor, now: datetime, study: Study, code: str, **given: Any) -> pages.Done:
        member = member_of(study, code)
        said = record_stop(by=by, member=member, now=now, **given)
        return pages.Done(said, reverse("desk:stop"))

    return pages.act(
        request,
        Verb.RECORD_STOP,
        StopForm,
        act,
        initial={"code": request.GET.get("code", ""), "told_on": timezone.localdate(clock.now())},
        title=_("Record a stop"),
        sentence=_(
            "For a member who asked by mail or on the phone. It holds at once; nobody is asked why. "
            "What is recorded: the rung, the day it was told, and that staff were told."
        ),
        button=_("Record it"),
    )


def record_stop(
    *,
    by: Actor,
    member: PanelMember,
    rung: str,
    told_on: date,
    until: date | None,
    waive: bool,
    never_again: bool,
    now: datetime,
) -> str:
    """Puts it in force, and says what became of it."""
    rights.ask_stop(
        by=by, member=member, rung=rung, channel=Stop.Channel.TOLD_STAFF, until=until, told_on=told_on,
        case=selectors.running_case(member), waive=waive, never_again=never_again, now=now,
    )  # fmt: skip
    said = gettext("Recorded for %(code)s: %(rung)s. The member gets a receipt.")
    said %= {"code": member.code, "rung": RUNGS[Stop.Rung(rung)].name}
    return f"{said} {outside_words(member.code)}" if rung in LEAVING else said


def outside_words(code: str) -> str:
    """LAW-14 in words for staff: how many things outside hold the person's data, and what nobody can recall."""
    number = selectors.left_outside(code).count()
    if not number:
        return str(NO_RECALL)
    files = ngettext(
        "%(count)d file or other thing outside holds their data: it is on the project leader’s list.",
        "%(count)d files or other things outside hold their data: they are on the project leader’s list.",
        number,
    )
    return f"{files % {'count': number}} {NO_RECALL}"


def request(request: HttpRequest) -> HttpResponse:
    """Records a request on rights; the member gets a receipt, the project leader the deadline."""

    def act(by: Actor, now: datetime, study: Study, code: str, **given: Any) -> pages.Done:
        member = member_of(study, code)
        made = requests.receive(by=by, member=member, now=now, **given)
        said = gettext("Recorded for %(code)s. It is to be answered by %(day)s; the member gets a receipt.")
        sees = Verb.SEE_REQUESTS in guard.verbs(request, study)
        url = reverse("desk:rights_request_change", args=[made.pk]) if sees else reverse("desk:request")
        return pages.Done(said % {"code": member.code, "day": f"{made.due_on:%d.%m.%Y}"}, url)

    return pages.act(
        request,
        Verb.RECORD_STOP,
        RequestForm,
        act,
        initial={"code": request.GET.get("code", ""), "received_on": timezone.localdate(clock.now())},
        title=_("Record a request"),
        sentence=_(
            "For a member who writes or calls about their rights. The project leader answers within 30 days. "
            "Whoever wants to leave or pause needs no request: record a stop."
        ),
        button=_("Record it"),
    )
