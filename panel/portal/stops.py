"""The ladder of stops (LAW-05, LAW-06), the one-click pause (RFC 8058). What a rung does is panel/rights'."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.errors import BadInput, NotFound, Refusal
from panel.invitations.models import Link
from panel.members.models import PanelMember
from panel.portal import words
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import pausing, selectors, services
from panel.rights.models import Stop
from panel.rights.rules import (
    DELETE_WORDS,
    LEAVING,
    NO_RECALL,
    ONE_CLICK_PAUSE,
    RUNGS,
    Channel,
    Rung,
    can_undo,
)
from panel.waves.models import Case, Wave

#: Which page a stop was asked on; links of requests have one word for all.
CHANNELS = {
    Link.Use.STOP: Channel.STOP_PAGE,
    Link.Use.ANSWER: Channel.ANSWER_PAGE,
    Link.Use.OWN: Channel.OWN_PAGE,
}


@respondents("GET", "POST")
def ladder(request: HttpRequest, token: str, use: Link.Use) -> HttpResponse:
    """The ladder by a letter's own link, which lives as long as the data, or by any link of the member's.

    An answer link may start a withdrawal, and shows it afterwards.
    """
    came = visit(request, token, use, also_left=True)
    if came is None:
        return wrong_link(request)
    return _ladder(request, came, CHANNELS.get(use, Channel.OTHER_PAGE))


@respondents("GET", "POST")
def one_click(request: HttpRequest, token: str) -> HttpResponse:
    """A mail program's POST pauses mail, never more (TOK-03); a person sees a button, and an undo."""
    came = visit(request, token, Link.Use.ONE_CLICK)
    if came is None:
        return wrong_link(request)
    told = ""
    if request.method == "POST":
        try:
            if "undo" in request.POST:
                _undo(came, request.POST["undo"], Rung.PAUSE)
            elif request.POST.get("List-Unsubscribe") == "One-Click":
                by = Actor.member(came.member.code)
                pausing.pause(by=by, member=came.member, channel=Channel.ONE_CLICK, now=came.now)
        except Refusal as refusal:
            told = said(refusal, came.lang)
    return _one_click_page(came, told)


# --- the ladder


def _ladder(request: HttpRequest, came: Visit, channel: Channel) -> HttpResponse:
    if request.method != "POST":
        return _show(came)
    try:
        if "undo" in request.POST:
            _undo(came, request.POST["undo"], *Rung)
        else:
            _ask(came, request.POST, channel)
    except BadInput as refusal:
        return _show(came, sent=request.POST, error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _show(came, told=said(refusal, came.lang), status=409)
    return see_other(came.address())


def _ask(came: Visit, sent: Mapping[str, str], channel: Channel) -> None:
    if sent.get("rung") not in Rung.values:
        raise BadInput(_("Please choose one of these."))
    services.ask_stop(
        by=Actor.member(came.member.code),
        member=came.member,
        rung=Rung(sent["rung"]),
        channel=channel,
        case=_case(came),
        until=_day(sent.get("until", "")),
        typed_word=sent.get("word"),
        waive=sent.get("waive") == "yes",
        never_again=sent.get("never_again") == "yes",
        now=came.now,
    )


def _case(came: Visit) -> Case | None:
    """What "this survey" is: the letter's own, else, as on the own page, the one that is open now."""
    of_link = came.link.case
    return (
        of_link
        if of_link and of_link.wave.status == Wave.Status.OPEN
        else selectors.running_case(came.member)
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _undo(came: Visit, text: str, *rungs: Rung) -> None:
    """Take back one of this member's own stops, of a rung that this link is for (TOK-01)."""
    try:
        own = Stop.objects.filter(member=came.member, rung__in=rungs).select_related(
            "member__study", "case__wave"
        )
        stop = own.filter(pk=UUID(text)).first()
    except ValueError:
        stop = None
    if stop is None:
        raise NotFound(_("This can no longer be undone."))
    services.undo_stop(by=Actor.member(came.member.code), stop=stop, now=came.now)


def _show(
    came: Visit,
    *,
    sent: Mapping[str, str] | None = None,
    error: str = "",
    told: str = "",
    status: int = 200,
) -> HttpResponse:
    """What is in force now, with its undo; then the rungs, none chosen beforehand (LAW-04)."""
    came.member.refresh_from_db(fields=["status"])
    standing = [_standing(stop, came) for stop in selectors.in_force(came.member, now=came.now)]
    sent = sent or {}
    rungs = selectors.rungs_offered(came.member, _case(came))
    today = timezone.localdate(came.now)
    context = _common(came) | {
        "standing": standing,
        "rungs": [
            {"value": rung.value, "card": RUNGS[rung], "chosen": sent.get("rung") == rung} for rung in rungs
        ],
        "leaving": bool(set(rungs) & set(LEAVING)),
        "waiting": any(one["deletes"] and one["undo"] for one in standing),
        "sent": {name: sent.get(name, "") for name in ("rung", "until", "word", "waive", "never_again")},
        "error": error,
        "told": told,
        "word": DELETE_WORDS[came.lang],
        "no_recall": NO_RECALL,
        "outside": [words.OUTSIDE[kind] for kind in selectors.kinds_outside(came.member.code)],
        "first_day": (today + timedelta(days=1)).isoformat(),
    }
    return page("ladder", context, lang=came.lang, status=status)


def _standing(stop: Stop, came: Visit) -> dict[str, object]:
    undo = can_undo(stop.state, stop.due_at, now=came.now)
    return {
        "stop": stop,
        "card": RUNGS[Rung(stop.rung)],
        "deletes": stop.rung == Rung.LEAVE_DELETE,
        "undo": undo,
        "wording": selectors.wording_of(stop) if undo and stop.withdrawn else [],
    }


def _common(came: Visit) -> dict[str, object]:
    own = came.link.use == Link.Use.OWN
    to_survey = came.link.use == Link.Use.ANSWER and came.member.status == PanelMember.Status.ACTIVE
    return came.common() | {
        "action": came.address(),
        "back": came.address(came.home) if own or to_survey else "",
        "to_survey": to_survey,
        "stop_url": "",  # this is it
    }


# --- one click


def _one_click_page(came: Visit, told: str) -> HttpResponse:
    stops = [one for one in selectors.in_force(came.member, now=came.now) if one.rung != Rung.NO_REMINDERS]
    context = _common(came) | {
        "standing": [_standing(stop, came) | {"elsewhere": stop.rung != Rung.PAUSE} for stop in stops],
        "days": ONE_CLICK_PAUSE.days,
        "told": told,
    }
    return page("one_click", context, lang=came.lang)
