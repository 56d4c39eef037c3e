"""The member's own page behind an emailed link: what is held, by kind; language; where they live (RES-04).

Sensitive answers are not shown: a phone is often shared, and the copy has them. What is changed here is
panel/rights'. The ladder is in stops.py, copies and addresses have files of their own.
"""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from panel.audit.rules import Actor
from panel.errors import BadInput, Refusal
from panel.invitations.models import Link
from panel.members.models import PanelMember
from panel.portal import words
from panel.portal.fields import months, years
from panel.portal.guard import NAMES, Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import own as own_rights
from panel.rights import selectors
from panel.rights.overview import Overview, overview, residence
from panel.rights.rules import RUNGS, Rung


@respondents("GET", "POST")
def own(request: HttpRequest, token: str) -> HttpResponse:
    """What we hold; a POST chooses the language."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _own_page(came, saved=request.GET.get("note") == "saved")
    try:
        own_rights.choose_language(
            by=Actor.member(came.member.code), member=came.member,
            language=request.POST.get("language", ""), now=came.now,
        )  # fmt: skip
    except BadInput as refusal:
        return _own_page(came, error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _own_page(came, told=said(refusal, came.lang), status=409)
    return see_other(f"{came.home}?note=saved")  # in the language just chosen


def _own_page(
    came: Visit, *, saved: bool = False, told: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    seen = overview(came.member, now=came.now)
    context = came.common() | {
        "seen": seen,
        "saved": saved,
        "told": told,
        "error": error,
        "messages": [
            {"day": message.made_at, "text": message.text(came.lang)}
            for message in selectors.messages_for(came.member)
        ],
        "consents": [
            {"purpose": words.PURPOSES[one.purpose], "said": words.ACTIONS[one.action], "day": one.day}
            for one in seen.consents
            if one.purpose in words.PURPOSES
        ],
        "letters": [{"kind": words.LETTERS[one.kind], "day": one.day} for one in seen.letters],
        "stops": [RUNGS[Rung(stop.rung)].name for stop in seen.stops],
        "language": came.member.language,
        "offered": [(code, name) for code, name in NAMES.items() if code in came.study.languages],
        "action": came.address(came.home),
        **_ways(came, seen),
    }
    return page("own", context, lang=came.lang, status=status)


def _ways(came: Visit, seen: Overview) -> dict[str, str]:
    """Where the member can go from here; what can't be done now is not offered."""
    names = ["stop", "consents"]
    if came.member.status != PanelMember.Status.DELETING:
        names.append("copy")
    if not seen.frozen:
        names.append("residence")
        if came.member.status == PanelMember.Status.ACTIVE:
            names += ["hours", "address"]
    return {f"to_{name}": came.address(f"{came.home}/{name}") for name in names}


# --- where they live


@respondents("GET", "POST")
def where(request: HttpRequest, token: str) -> HttpResponse:
    """Where the study understands the member to live, and the correction (RES-04): one more thing told."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _where_page(came, saved=request.GET.get("note") == "saved")
    sent = {name: request.POST.get(name, "") for name in ("place", "month", "year")}
    try:
        own_rights.correct_residence(
            by=Actor.member(came.member.code), member=came.member, place=sent["place"],
            month=_month(sent), now=came.now,
        )  # fmt: skip
    except BadInput as refusal:
        return _where_page(came, sent=sent, error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _where_page(came, sent=sent, told=said(refusal, came.lang), status=409)
    return see_other(came.address(note="saved"))


def _month(sent: dict[str, str]) -> str:
    """YYYY-MM, or blank; half of a month is no month and is refused as one."""
    return f"{sent['year']}-{sent['month']}" if sent["year"] or sent["month"] else ""


def _where_page(
    came: Visit,
    *,
    sent: dict[str, str] | None = None,
    saved: bool = False,
    error: str = "",
    told: str = "",
    status: int = 200,
) -> HttpResponse:
    sent = sent or {}
    seen = residence(came.member)
    places = [
        {"code": place.value, "name": words.PLACES[place], "chosen": sent.get("place") == place}
        for place in own_rights.PLACES
    ]
    context = came.common() | {
        "spells": [
            {"place": words.PLACES[one.place], "since": _first(one.from_month), "until": _first(one.to_month),
             "told": one.from_told}
            for one in seen.spells
        ],
        "history": [
            {"place": words.PLACES[one.place], "how": words.SOURCES[one.source], "day": one.told_on,
             "month": _first(one.month or one.arrived_month)}
            for one in seen.told
        ],
        "looked_at": seen.looked_at,
        "frozen": own_rights.is_frozen(came.member),
        "places": places,
        "months": months([sent.get("month", "")], came.lang),
        "years": years([sent.get("year", "")], timezone.localdate(came.now)),
        "wrong_month": bool(error) and sent.get("place", "") in own_rights.PLACES,
        "saved": saved,
        "error": error,
        "told": told,
        "action": came.address(),
        "back": came.address(came.home),
    }  # fmt: skip
    return page("where", context, lang=came.lang, status=status)


def _first(month: str) -> date | None:
    """The first day of a YYYY-MM, for a template to name the month of."""
    return date(int(month[:4]), int(month[5:7]), 1) if month else None


# --- the way here by mail


@respondents("GET", "POST")
def by_mail(request: HttpRequest, token: str, use: Link.Use) -> HttpResponse:
    """From a link of another purpose: the link to the own page goes to the mailbox (TOK-01)."""
    came = visit(request, token, use, also_left=True)
    if came is None:
        return wrong_link(request)
    context: dict[str, Any] = came.common() | {
        "action": came.address(),
        "back": came.address(came.home),
        "asked": request.GET.get("note") == "asked",
        "own_url": "",  # this is the way there
    }
    if request.method != "POST":
        return page("own_by_mail", context, lang=came.lang)
    try:
        own_rights.mail_own_page(by=Actor.member(came.member.code), member=came.member, now=came.now)
    except Refusal as refusal:
        told = said(refusal, came.lang)
        return page("own_by_mail", context | {"told": told}, lang=came.lang, status=409)
    return see_other(came.address(note="asked"))
