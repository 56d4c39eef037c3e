"""The member's receipt of consent: what was agreed to, when, the exact words; each taken back by one press (LAW-05).

Printed as it stands. What a press does is panel/rights/consenting.py's.
"""

from django.http import HttpRequest, HttpResponse

from consent import selectors as consents
from consent.models import ConsentEntry, ConsentForm
from panel.audit.rules import Actor
from panel.errors import BadInput, Refusal
from panel.invitations.models import Link
from panel.members.models import PanelMember
from panel.portal import words
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import consenting
from panel.rights.models import Stop
from panel.rights.own import is_frozen

Action = ConsentEntry.Action
CHANNEL = Stop.Channel.OWN_PAGE


@respondents("GET", "POST")
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """Shows the receipt; a POST takes one yes back or gives it again, in the words shown."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _page(came, saved=request.GET.get("note") == "saved")
    try:
        _act(
            came,
            request.POST.get("withdraw", ""),
            request.POST.get("give", ""),
            request.POST.get("words", ""),
        )
    except BadInput as refusal:
        return _page(came, told=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _page(came, told=said(refusal, came.lang), status=409)
    return see_other(came.address(note="saved"))


def _act(came: Visit, withdraw: str, give: str, sha256: str) -> None:
    by, member = Actor.member(came.member.code), came.member
    if give:
        consenting.give(by=by, member=member, purpose=give, sha256=sha256, channel=CHANNEL, now=came.now)
    else:
        consenting.withdraw(by=by, member=member, purpose=withdraw, channel=CHANNEL, now=came.now)


def _page(came: Visit, *, saved: bool = False, told: str = "", status: int = 200) -> HttpResponse:
    may_give = came.member.status == PanelMember.Status.ACTIVE and not is_frozen(came.member)
    found = consenting.standings(came.member, came.lang)
    context = came.common() | {
        "purposes": [
            _shown(one, may_give)
            for one in found
            if one.purpose in words.PURPOSES and (one.since or (one.offer and may_give))
        ],
        "asked": came.address(f"{came.home}/consents/new") if _is_asked(came) else "",
        "letters": _letters(came, found),
        "today": came.now,
        "saved": saved,
        "told": told,
        "action": came.address(f"{came.home}/consents"),
        "back": came.address(came.home),
    }
    return page("consents", context, lang=came.lang, status=status)


def _shown(one: consenting.Standing, may_give: bool) -> dict[str, object]:
    entry = one.since
    return {
        "purpose": one.purpose,
        "name": words.PURPOSES[one.purpose],
        "said": words.ACTIONS[entry.action] if entry else "",
        "day": entry.day if entry else None,
        "holds": one.holds,
        "informed": entry is not None and entry.action == Action.INFORMED,
        "agreed": one.agreed,
        "offer": one.offer if may_give and not one.holds else None,
    }


def _is_asked(came: Visit) -> bool:
    return came.member.status == PanelMember.Status.ACTIVE and bool(consenting.waiting_ask(came.member))


def _letters(came: Visit, found: list[consenting.Standing]) -> list[dict[str, object]]:
    """The information letters of the forms that the member agreed to, in the language they read then."""
    signed = {(one.agreed.form, one.agreed.language) for one in found if one.holds and one.agreed}
    ordered: list[tuple[ConsentForm, str]] = sorted(signed, key=lambda pair: (pair[0].number, pair[1]))
    letters = [(form, language, consents.letter(form, language)) for form, language in ordered]
    return [
        {"version": form.version, "language": language, "blocks": blocks}
        for form, language, blocks in letters
        if blocks
    ]
