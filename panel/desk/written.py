"""Somebody wrote or called: the case of it is recorded, or the link is sent again. By code; no address is shown."""

from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import nudge, pages
from panel.desk.contacts import member_of
from panel.desk.forms import Day, MemberForm
from panel.invitations import replies
from panel.invitations.models import ReplyCase
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import reaching


class MailForm(MemberForm):
    """Who wrote, and when."""

    received_on = Day(label=_("Day it was received"))


def reply(request: HttpRequest) -> HttpResponse:
    """Opens the case of a mail that reached the study's inbox by itself."""

    def act(by: Actor, now: datetime, study: Study, code: str, received_on: date) -> pages.Done:
        member = member_of(study, code)
        case = replies.open_case(
            by=by, member=member, way=ReplyCase.Way.RECORDED, received_on=received_on, now=now
        )
        said = gettext("Recorded for %(code)s. Somebody answers by %(day)s.")
        url = reverse("desk:invitations_replycase_change", args=[case.pk])
        return pages.Done(said % {"code": member.code, "day": f"{case.due_on:%d.%m.%Y}"}, url)

    return pages.act(
        request,
        Verb.HANDLE_REPLY,
        MailForm,
        act,
        initial={"code": request.GET.get("code", ""), "received_on": timezone.localdate(clock.now())},
        title=_("Record a mail"),
        sentence=_(
            "For a mail in the study’s inbox that a member wrote: so it is answered in time. Nothing of its words is "
            "written down here."
        ),
        button=_("Record it"),
    )


def link(request: HttpRequest) -> HttpResponse:
    """Sends a member's links again, to the address we have."""

    def act(by: Actor, now: datetime, study: Study, code: str) -> pages.Done:
        member = member_of(study, code)
        reaching.send_link(by=by, member=member, now=now)
        nudge.send_soon()
        said = gettext("The links of %(code)s are on their way to the address we have.")
        return pages.Done(said % {"code": member.code}, reverse("desk:link"))

    return pages.act(
        request,
        Verb.HANDLE_REPLY,
        MemberForm,
        act,
        initial={"code": request.GET.get("code", "")},
        title=_("Send the link again"),
        sentence=_(
            "For a member who lost it. The letter goes at once and counts for nothing: the own page, and the questions "
            "that are open."
        ),
        button=_("Send the link again"),
    )
