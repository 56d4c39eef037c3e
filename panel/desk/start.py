"""The start page: what waits for this person, and how the wave of the moment stands. Reads only."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from panel.desk import guard, setup, waiting
from panel.desk.progress import chart_of
from panel.invitations import pauses
from panel.members.permissions import studies_for
from panel.members.rules import Verb
from panel.waves import selectors
from panel.waves.models import Wave

WAITING = (
    ("overdue", ngettext_lazy("request overdue", "requests overdue"), "rights_request", "?due=overdue"),
    (
        "due_soon",
        ngettext_lazy("request due within a week", "requests due within a week"),
        "rights_request",
        "?due=soon",
    ),
    ("requests", ngettext_lazy("request to answer", "requests to answer"), "rights_request", "?due=open"),
    (
        "outside",
        ngettext_lazy("person to take out of files", "people to take out of files"),
        "rights_outsideitem",
        "?stands=work",
    ),
    (
        "replies_late",
        ngettext_lazy("reply overdue", "replies overdue"),
        "invitations_replycase",
        "?due=late",
    ),
    ("replies", ngettext_lazy("reply to answer", "replies to answer"), "invitations_replycase", "?due=open"),
    (
        "to_accept",
        ngettext_lazy("new address to accept", "new addresses to accept"),
        "invitations_lostcontact",
        "?presses=accept",
    ),
    ("lost", ngettext_lazy("lost contact", "lost contacts"), "invitations_lostcontact", "?presses=open"),
    ("flags", ngettext_lazy("flag to review", "flags to review"), "residency_flag", "?state__exact=open"),
    (
        "letters",
        ngettext_lazy("letter nobody can confirm", "letters nobody can confirm"),
        "invitations_outgoing",
        "?state__exact=unconfirmed",
    ),
    (
        "releases",
        ngettext_lazy("release to review", "releases to review"),
        "releases_release",
        "?state__exact=requested",
    ),
)


#: Red as soon as there is one.
ALARMS = frozenset({"overdue", "replies_late"})


def page(request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    """All that the start page shows."""
    may = guard.all_verbs(request.user)
    counts = waiting.counts(request.user, may, today=timezone.localdate(now))
    tiles = [
        {
            "number": counts[kind],
            "words": words % counts[kind],
            "alarm": kind in ALARMS and counts[kind] > 0,
            "url": reverse(f"desk:{table}_changelist") + query,
        }
        for kind, words, table, query in WAITING
        if kind in counts
    ]
    concerned = studies_for(request.user, Verb.EDIT_STUDY) if Verb.EDIT_STUDY in may else []
    return {
        "waiting": tiles,
        "unready": setup.unready(concerned),
        "past_day": setup.past_day(studies_for(request.user, Verb.RUN_RETENTION))
        if Verb.RUN_RETENTION in may
        else [],
        "pauses": pauses.seen_by(studies_for(request.user, Verb.SEE_OUTBOX))
        if Verb.SEE_OUTBOX in may
        else [],
        "first_steps": _first_steps(may),
        **_wave(request, may, now),
    }


def _wave(request: HttpRequest, may: frozenset[Verb], now: datetime) -> dict[str, Any]:
    """The wave of the moment: the open one, else the last that opened, else the next."""
    if Verb.SEE_PROGRESS not in may:
        return {}
    waves = Wave.objects.filter(study__in=studies_for(request.user, Verb.SEE_PROGRESS)).select_related(
        "study"
    )
    wave = (
        waves.filter(status=Wave.Status.OPEN).order_by("closes_at").first()
        or waves.filter(opens_at__lte=now).order_by("-opens_at").first()
        or waves.order_by("opens_at").first()
    )
    if wave is None:
        return {"no_wave": True}
    progress = selectors.progress(wave)
    return {"wave": wave, "progress": progress, "chart": chart_of(progress)}


def _first_steps(may: frozenset[Verb]) -> list[tuple[Any, str]]:
    """What this person's roles are for, as links."""
    steps = (
        (Verb.PLAN_WAVE, _("Plan a wave"), "desk:waves_wave_plan"),
        (Verb.ENROL, _("Enrol a recruitment file"), "desk:enrol"),
        (Verb.OPEN_CARD, _("Open a contact card"), "desk:card"),
        (Verb.RECORD_STOP, _("Record a stop for a member"), "desk:stop"),
        (Verb.RECORD_STOP, _("Record a request on rights"), "desk:request"),
        (Verb.ASK_RELEASE, _("Ask for a release"), "desk:releases_release_ask"),
        (Verb.DOWNLOAD_RELEASE, _("Download a release"), "desk:releases_release_changelist"),
        (Verb.SEE_AUDIT, _("Read the audit trail"), "desk:audit_auditevent_changelist"),
    )
    return [(words, reverse(url)) for verb, words, url in steps if verb in may]
