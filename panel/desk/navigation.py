"""What the side bar offers: each entry with the verb that opens it. The pages ask for the verb again."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.desk import guard, waiting
from panel.members.permissions import studies_for
from panel.members.rules import Verb


@dataclass(frozen=True)
class Entry:
    """One link; `badge` names a count of panel/desk/waiting.py, `alarm` one that makes it red."""

    title: str | Promise
    url: str
    icon: str
    verbs: frozenset[Verb]
    badge: str = ""
    alarm: str = ""


def _entry(
    title: str | Promise, url: str, icon: str, *verbs: Verb, badge: str = "", alarm: str = ""
) -> Entry:
    return Entry(title, url, icon, frozenset(verbs), badge, alarm)


GROUPS: tuple[tuple[str | Promise, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            _entry(_("Start"), "desk:index", "home"),
            _entry(_("Studies"), "desk:members_study_changelist", "science"),
        ),
    ),
    (
        _("Fieldwork"),
        (
            _entry(_("Waves"), "desk:waves_wave_changelist", "waves", Verb.SEE_PROGRESS, Verb.SEE_RATES),
            _entry(
                _("Outbox"),
                "desk:invitations_outgoing_changelist",
                "outbox",
                Verb.SEE_OUTBOX,
                badge="letters",
            ),
            _entry(_("Letters"), "desk:invitations_letter_changelist", "mail", Verb.DRAFT_LETTER),
        ),
    ),
    (
        _("Members"),
        (
            _entry(_("Members by code"), "desk:members_panelmember_changelist", "group", Verb.SEE_MEMBERS),
            _entry(
                _("Flags to review"), "desk:residency_flag_changelist", "flag", Verb.SEE_FLAGS, badge="flags"
            ),
            _entry(_("Enrol a file"), "desk:enrol", "upload_file", Verb.ENROL),
            _entry(_("Find a member’s code"), "desk:find", "person_search", Verb.OPEN_CARD),
            _entry(_("Contact card"), "desk:card", "contact_mail", Verb.OPEN_CARD),
            _entry(
                _("Change an address"), "desk:address", "forward_to_inbox", Verb.CHANGE_ADDRESS,
                badge="corrections",
            ),
            _entry(
                _("Lost contacts"), "desk:invitations_lostcontact_changelist", "mark_email_unread", Verb.SEE_LOST,
                badge="lost", alarm="lost_press",
            ),
            _entry(
                _("Replies"), "desk:invitations_replycase_changelist", "reply", Verb.HANDLE_REPLY,
                badge="replies", alarm="replies_late",
            ),
            _entry(_("Send the link again"), "desk:link", "link", Verb.HANDLE_REPLY),
            _entry(_("Pass a link on"), "desk:pass", "sms", Verb.PASS_LINK),
            _entry(_("Key in answers"), "desk:key", "keyboard", Verb.KEY_ANSWERS),
        ),
    ),
    (
        _("Rights"),
        (
            _entry(
                _("Requests"), "desk:rights_request_changelist", "balance", Verb.SEE_REQUESTS,
                badge="requests", alarm="overdue",
            ),
            _entry(_("Record a request"), "desk:request", "contact_support", Verb.RECORD_STOP),
            _entry(_("Record a stop"), "desk:stop", "back_hand", Verb.RECORD_STOP),
            _entry(_("Never contact again"), "desk:suppress", "unsubscribe", Verb.RECORD_STOP),
            _entry(
                _("Outside this service"), "desk:rights_outsideitem_changelist", "folder_off",
                Verb.SEE_REQUESTS, Verb.EDIT_STUDY, badge="outside",
            ),
        ),
    ),
    (
        _("Results"),
        (
            _entry(
                _("Releases"), "desk:releases_release_changelist", "inventory_2",
                Verb.ASK_RELEASE, Verb.REVIEW_RELEASE, Verb.DOWNLOAD_RELEASE, badge="releases",
            ),
        ),
    ),
    (
        _("Oversight"),
        (
            _entry(_("Consent forms"), "desk:consent_consentform_changelist", "description", Verb.SEE_CONSENT),
            _entry(
                _("Asking for new consent"), "desk:rights_reconsentrun_changelist", "contract_edit",
                Verb.SEE_CONSENT,
            ),
            _entry(_("Consents"), "desk:consent_consententry_changelist", "handshake", Verb.SEE_CONSENT),
            _entry(
                _("Project’s end"), "desk:rights_projectend_changelist", "event_busy", Verb.SEE_KEYS
            ),
            _entry(_("Audit trail"), "desk:audit_auditevent_changelist", "policy", Verb.SEE_AUDIT),
            _entry(_("Keys"), "desk:keys", "key", Verb.SEE_KEYS),
        ),
    ),
)  # fmt: skip


#: Refused while a study's phone channel is off.
BY_PHONE = frozenset({Verb.PASS_LINK, Verb.KEY_ANSWERS})


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar of this person, in the form Unfold's template reads."""
    may = _usable(request)
    counts = waiting.counts(request.user, may, today=timezone.localdate(clock.now()))
    return [
        {"title": title, "items": [_item(request, entry, may, counts) for entry in entries]}
        for title, entries in GROUPS
        if any(_is_open(entry, may) for entry in entries)
    ]


def _usable(request: HttpRequest) -> frozenset[Verb]:
    """What this person may do; the phone channel's part only where a study has that switched on."""
    may = guard.all_verbs(request.user)
    if may & BY_PHONE and not studies_for(request.user, Verb.PASS_LINK).filter(phone_channel=True).exists():
        may -= BY_PHONE
    return may


def _is_open(entry: Entry, may: frozenset[Verb]) -> bool:
    return not entry.verbs or bool(entry.verbs & may)


def _item(request: HttpRequest, entry: Entry, may: frozenset[Verb], counts: dict[str, int]) -> dict[str, Any]:
    link = reverse(entry.url)
    here = request.path == link if entry.url == "desk:index" else request.path.startswith(link)
    badge = counts.get(entry.badge, 0)
    variant = "danger" if counts.get(entry.alarm) else "warning"
    return {
        "title": entry.title,
        "link": link,
        "icon": entry.icon,
        "active": here,
        "has_permission": _is_open(entry, may),
        **({"badge": badge, "badge_variant": variant} if badge else {}),
    }
