"""Changing the address (LAW-09): asked on the own page, confirmed by a link sent to the new one, stopped by one
sent to the old one. GET shows, one POST does; what it does is panel/rights'.
"""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow, Refusal
from panel.invitations.models import Link
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import addresses
from panel.rights.models import AddressChange
from panel.rights.own import is_frozen


@respondents("GET", "POST")
def change(request: HttpRequest, token: str) -> HttpResponse:
    """Give a new address, or stop the change that waits. Says the same whoever else has that address."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _page(came)
    sent = request.POST.get("address", "")
    try:
        _change(came, sent, stop="stop" in request.POST)
    except BadInput as refusal:
        return _page(came, sent=sent, error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _page(came, sent=sent, told=said(refusal, came.lang), status=409)
    return see_other(came.address())


def _change(came: Visit, sent: str, *, stop: bool) -> None:
    by = Actor.member(came.member.code)
    waiting = addresses.waiting_change(came.member, now=came.now)
    if not stop:
        addresses.ask_change(by=by, member=came.member, address=sent, now=came.now)
    elif waiting:
        addresses.cancel_change(by=by, change=waiting, now=came.now)


def _page(came: Visit, *, sent: str = "", error: str = "", told: str = "", status: int = 200) -> HttpResponse:
    context = came.common() | {
        "waiting": addresses.waiting_change(came.member, now=came.now),
        "code": came.member.code,
        "frozen": is_frozen(came.member),
        "sent": sent,
        "error": error,
        "told": told,
        "action": came.address(),
        "back": came.address(came.home),
    }
    return page("address", context, lang=came.lang, status=status)


# --- by the letters' links


@respondents("GET", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """From the letter to the new address: confirm it, or stop it after all. A stranger who got that letter can do
    nothing else.
    """
    return _by_link(request, token, Link.Use.CONFIRM)


@respondents("GET", "POST")
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """From the letter to the old address: stop the change."""
    return _by_link(request, token, Link.Use.CANCEL)


Act = Callable[..., None]
Can = Callable[..., bool]
ACTS: dict[Link.Use, tuple[str, Act, Can, AddressChange.State]] = {
    Link.Use.CONFIRM: (
        "address_confirm", addresses.confirm_change, addresses.can_confirm, AddressChange.State.CONFIRMED
    ),
    Link.Use.CANCEL: (
        "address_cancel", addresses.cancel_change, addresses.can_cancel, AddressChange.State.CANCELLED
    ),
}  # fmt: skip


def _by_link(request: HttpRequest, token: str, use: Link.Use) -> HttpResponse:
    came = visit(request, token, use)
    asked = addresses.change_of(came.link) if came else None
    if came is None or asked is None:
        return wrong_link(request)
    template, act, can, done = ACTS[use]
    told = ""
    if request.method == "POST":
        try:
            act = addresses.cancel_change if "stop" in request.POST else act
            act(by=Actor.member(came.member.code), change=asked, now=came.now)
        except NotNow as refusal:
            told = said(refusal, came.lang)
        else:
            return see_other(came.address())
    return page(template, _linked(came, asked, can, done, told), lang=came.lang, status=409 if told else 200)


def _linked(came: Visit, asked: AddressChange, can: Can, done: str, told: str) -> dict[str, object]:
    """What the page says: done, still to be done, or too late."""
    is_done = asked.state in (done, AddressChange.State.DONE if done == AddressChange.State.CONFIRMED else "")
    return came.common() | {
        "asked": asked,
        "done": is_done,
        "can": not is_done and _can(can, asked, came.now),
        "told": told,
        "action": came.address(),
    }


def _can(can: Can, asked: AddressChange, now: datetime) -> bool:
    return can(asked, now=now)
