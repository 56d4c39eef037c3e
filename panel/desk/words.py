"""Words of the desk for codes that other packages keep: reasons of the outbox, verbs of roles, states."""

from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import get_language_info, gettext
from django.utils.translation import gettext_lazy as _

from consent.models import ConsentForm
from panel.invitations.models import Outgoing
from panel.invitations.rules import Reason
from panel.members.models import PanelMember
from panel.releases.models import Release
from panel.residency.models import Flag
from panel.rights.models import Request
from panel.waves.models import Wave

REASONS: dict[str, str | Promise] = {
    Reason.NO_CONSENT: _("no consent for it"),
    Reason.LEFT: _("left the panel"),
    Reason.STOPPED: _("asked for no more letters"),
    Reason.PAUSED: _("paused by the member"),
    Reason.HELD: _("held"),
    Reason.COMPLETED: _("has completed"),
    Reason.REFUSED: _("said no to this wave"),
    Reason.OUTCOME: _("an outcome was recorded"),
    Reason.CLOSED: _("the wave closed"),
    Reason.NOT_FOR_THEM: _("no longer for them: they have begun, or completed"),
    Reason.OVERTAKEN: _("the wave opened first"),
    Reason.PLAN_CHANGED: _("the plan was changed: no such letter any more"),
    Reason.MOVED: _("moved by a changed plan"),
    Reason.NOT_OPEN: _("the wave isn't open yet"),
    Reason.OUTSIDE_HOURS: _("outside the hours for letters"),
    Reason.SILENT_DAY: _("a day of silence"),
    Reason.UNREACHABLE: _("address was refused before"),
    Reason.REMINDER_CAP: _("reminders used up"),
    Reason.REMINDER_GAP: _("too soon after the last letter"),
    Reason.MAIL_CAP: _("this person got enough letters for now"),
    Reason.WAVE_GAP: _("too soon after another survey"),
    Reason.SENDING_PAUSED: _("all letters are paused"),
    Reason.DAILY_QUOTA: _("the day’s quota of letters is used up"),
    Reason.PACED: _("waits its turn: letters go only so fast"),
    Reason.STUDY_NOT_READY: _("the study isn’t set up yet: see its page"),
    Reason.OUT_OF_STEP: _("the journal stopped all sending: see the start page"),
    Reason.NO_CARD: _("no contact card"),
    Reason.TAKEN_BACK: _("the request it answers is over"),
    Reason.SUPPRESSED: _("this address asked never to be written to"),
    Reason.NO_SERVER: _("the mail server can’t be reached"),
    Reason.SERVER_BUSY: _("mail server busy, will be tried again"),
    Reason.GREYLISTED: _("asked to come again in a while"),
    Reason.TOO_FAST: _("the receiving server finds us too fast"),
    Reason.MAILBOX_FULL: _("the mailbox is full, will be tried again"),
    Reason.DOMAIN_SILENT: _("the receiving server doesn’t answer"),
    Reason.ADDRESS_REFUSED: _("address refused"),
    Reason.LETTER_REFUSED: _("letter refused by the mail server"),
    Reason.POLICY: _("refused as unwanted mail: ask whoever runs the mail server"),
    Reason.NOT_ALLOWED: _("the mail server doesn’t let us send: its log-in or our sender’s address is wrong"),
    Reason.GAVE_UP: _("put off by the receiving server for three days"),
    Reason.LEASE_LOST: _("a worker stopped while sending"),
    Reason.LINE_BROKE: _("the line broke while sending"),
    Reason.TAKEN_AS_SENT: _("taken as sent by a person"),
}

#: How a state looks: Unfold's colours of labels.
COLOURS: dict[str, str] = {
    Wave.Status.PLANNED: "info",
    Wave.Status.APPROVED: "info",  # a questionnaire's and a release's too
    Wave.Status.OPEN: "success",
    Wave.Status.CLOSED: "",
    Outgoing.State.QUEUED: "info",
    Outgoing.State.CLAIMED: "info",
    Outgoing.State.READY: "info",
    Outgoing.State.SENDING: "info",
    Outgoing.State.SENT: "success",
    Outgoing.State.DEFERRED: "warning",
    Outgoing.State.FAILED: "danger",
    Outgoing.State.UNCONFIRMED: "danger",
    Outgoing.State.CANCELLED: "",
    PanelMember.Status.ACTIVE: "success",
    PanelMember.Status.LEFT: "",
    PanelMember.Status.DELETING: "danger",
    Flag.State.CONFIRMED: "success",
    Flag.State.DISMISSED: "",
    Release.State.ASKED: "warning",
    Release.State.REJECTED: "danger",
    Release.State.WITHDRAWN: "",
    ConsentForm.Status.DRAFT: "warning",  # a letter's too
    ConsentForm.Status.RETIRED: "",
    Request.State.EXTENDED: "warning",
    Request.State.ANSWERED: "success",
}


def reason(code: str) -> str | Promise:
    """Why a letter waits or wasn't sent, in words."""
    return REASONS.get(code, code)


def language(code: str) -> str:
    """Its name in the reader's language; the code where Django knows no name."""
    if code == "nb":  # which Django leaves in English, in each language
        return gettext("Norwegian bokmål")
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def colour(obj: object) -> str:
    """How the state of an object looks, where it has one; what is open for review asks for attention."""
    if isinstance(obj, Flag | Request) and obj.state == Flag.State.OPEN:
        return "warning"
    state = getattr(obj, "state", getattr(obj, "status", ""))
    return COLOURS.get(str(state), "")


def label(text: str, kind: str) -> SafeString:
    """A state in its colour."""
    return format_html('<span class="desk-label desk-label-{}">{}</span>', kind or "plain", text)


def moment(at: datetime | None) -> SafeString:
    """A time in Norway, as short as it can be."""
    text = date_format(localtime(at), "SHORT_DATETIME_FORMAT") if at else "–"
    return format_html('<span class="desk-nowrap">{}</span>', text)


def day(on: date | None) -> SafeString:
    """A day."""
    return format_html(
        '<span class="desk-nowrap">{}</span>', date_format(on, "SHORT_DATE_FORMAT") if on else "–"
    )
