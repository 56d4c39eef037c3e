"""When letters come: the member chooses from the own page, by the clocks in Norway and in Kyiv alike.

Nothing is worked out from where anybody lives, and no browser is asked for its clock (NEV-15).
"""

from datetime import datetime, time, timedelta

from django.http import HttpRequest, HttpResponse

from panel.audit.rules import Actor
from panel.errors import BadInput, Refusal
from panel.invitations.limits import KYIV, OSLO, USUAL, local_day
from panel.invitations.models import Link
from panel.members.hours import FIRST, LAST, LEAST
from panel.members.models import PanelMember
from panel.portal.fields import Option
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import own as own_rights


@respondents("GET", "POST")
def hours(request: HttpRequest, token: str) -> HttpResponse:
    """Shows the hours; a POST chooses others, or everybody's again."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _page(came, saved=request.GET.get("note") == "saved")
    sent = {name: "" if "usual" in request.POST else request.POST.get(name, "") for name in ("from", "until")}
    try:
        own_rights.choose_hours(
            by=Actor.member(came.member.code), member=came.member,
            hours_from=_hour(sent["from"]), hours_until=_hour(sent["until"]), now=came.now,
        )  # fmt: skip
    except BadInput as refusal:
        return _page(came, sent=sent, error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _page(came, sent=sent, told=said(refusal, came.lang), status=409)
    return see_other(came.address(note="saved"))


def _hour(sent: str) -> int | None:
    return int(sent) if sent.isascii() and sent.isdigit() else None


def _page(
    came: Visit,
    *,
    sent: dict[str, str] | None = None,
    saved: bool = False,
    error: str = "",
    told: str = "",
    status: int = 200,
) -> HttpResponse:
    member = came.member
    own = member.hours_from is not None
    now_from, now_until = _in_force(member)
    given = sent or ({"from": str(now_from), "until": str(now_until)} if own else {})
    context = came.common() | {
        "is_own": own,
        "now_from": _clock(now_from, came.now),
        "now_until": _clock(now_until, came.now),
        "usual_from": _clock(USUAL.first.hour, came.now),
        "usual_until": _clock(USUAL.last.hour, came.now),
        "froms": _options(range(FIRST, LAST - LEAST + 1), given.get("from", ""), came.now),
        "untils": _options(range(FIRST + LEAST, LAST + 1), given.get("until", ""), came.now),
        "frozen": own_rights.is_frozen(member),
        "saved": saved,
        "error": error,
        "told": told,
        "action": came.address(),
        "back": came.address(came.home),
    }
    return page("hours", context, lang=came.lang, status=status)


def _in_force(member: PanelMember) -> tuple[int, int]:
    if member.hours_from is None or member.hours_until is None:
        return USUAL.first.hour, USUAL.last.hour
    return member.hours_from, member.hours_until


def _options(hours: range, given: str, now: datetime) -> list[Option]:
    return [Option(str(one), " / ".join(_clock(one, now)), given == str(one)) for one in hours]


def _clock(hour: int, now: datetime) -> tuple[str, str]:
    """That hour in Norway and in Kyiv, as the clocks stand tomorrow: on a day of their change this is what holds on."""
    there = datetime.combine(local_day(now) + timedelta(days=1), time(hour), tzinfo=OSLO)
    return f"{there:%H:%M}", f"{there.astimezone(KYIV):%H:%M}"
