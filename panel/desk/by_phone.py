"""Where there is no e-mail: a contact keeper takes a link to pass on, or keys answers in. Each is shown once."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import pages
from panel.desk.contacts import member_of
from panel.desk.forms import Choice, MemberForm, Text, Tick
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import pass_link
from panel.waves.modes import Mode


class PassForm(MemberForm):
    """A member, and why not by mail."""

    reason = Text(label=_("Reason"), max_length=300, help_text=_("Kept with your name in the audit trail."))


class KeyForm(PassForm):
    """The same, with how the answers come."""

    mode = Choice(
        label=_("How the answers come"),
        choices=[("", _("Choose …")), *((mode.value, mode.label) for mode in (Mode.ASSISTED, Mode.PAPER))],
    )
    agreed = Tick(
        label=_("The member asked me to key their answers in, and knows that I hear or read them"),
    )
    field_order = ("study", "code", "mode", "reason", "agreed")


def pass_on(request: HttpRequest) -> HttpResponse:
    """A link and a neutral text, in answer to the POST itself: the page has no address and is kept nowhere."""

    def act(by: Actor, now: datetime, study: Study, code: str, reason: str) -> pages.Shown:
        member = member_of(study, code)
        passed = pass_link.pass_on(by=by, member=member, reason=reason, now=now)
        return pages.Shown("desk/passed.html", {"passed": passed})

    return pages.act(
        request,
        Verb.PASS_LINK,
        PassForm,
        act,
        initial={"code": request.GET.get("code", "")},
        title=_("Pass a link on"),
        sentence=_(
            "For a member without e-mail, or whose e-mail fails: a link to the questions that are open, and a text for "
            "SMS, Viber or the telephone. It is shown once; a new one voids the one before."
        ),
        button=_("Make the link"),
    )


def key(request: HttpRequest) -> HttpResponse:
    """An empty form for what a member tells, in answer to the POST itself."""

    def act(
        by: Actor, now: datetime, study: Study, code: str, mode: str, reason: str, agreed: bool
    ) -> pages.Shown:
        member = member_of(study, code)
        url = pass_link.begin_keying(by=by, member=member, mode=mode, reason=reason, now=now)
        return pages.Shown("desk/keying.html", {"code": member.code, "url": url})

    return pages.act(
        request,
        Verb.KEY_ANSWERS,
        KeyForm,
        act,
        initial={"code": request.GET.get("code", "")},
        title=_("Key in answers"),
        sentence=_(
            "For a member who tells their answers on the telephone or wrote them on paper. You fill in their own form, "
            "page by page; what is saved can’t be read again. The response says how it came in."
        ),
        button=_("Open an empty form"),
    )
