"""The public ways back for who has no link: a lost one is sent again, a new address is given (TOK-01, LAW-09).

Each says the same to everybody, whoever has the address or the code. What was typed waits sealed for a worker's look.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from panel import clock
from panel.errors import Refusal, status_of
from panel.portal.guard import NAMES, browser_language, page, respondents, said, see_other
from panel.rights import lost, new_address


@dataclass(frozen=True)
class Public:
    """A page that needs no link: what is typed there, what can't be right of it, what keeps it."""

    template: str
    fields: tuple[str, ...]
    keep: Callable[..., None]
    amiss: Callable[..., Mapping[str, str]] = lambda **_typed: {}


AGAIN = Public("again", ("address",), lost.ask_link)
MOVED = Public("new_address", ("code", "name", "address"), new_address.give, new_address.amiss)


@respondents("GET", "POST")
def again(request: HttpRequest) -> HttpResponse:
    """A lost link: GET shows the form; POST keeps the address for a worker's look."""
    return _public(request, AGAIN)


@respondents("GET", "POST")
def moved(request: HttpRequest) -> HttpResponse:
    """A new address, with code and name: the same."""
    return _public(request, MOVED)


def _public(request: HttpRequest, what: Public) -> HttpResponse:
    wanted = request.GET.get("lang", "")
    lang = wanted if wanted in NAMES else browser_language()
    here = f"{request.path}?lang={lang}"
    if request.method != "POST":
        return _page(what.template, lang, here, asked=request.GET.get("note") == "asked")
    sent = {name: request.POST.get(name, "") for name in what.fields}
    with translation.override(lang):
        wrong = what.amiss(**sent)
    if wrong:
        return _page(what.template, lang, here, sent=sent, errors=wrong, status=422)
    try:
        what.keep(**sent, now=clock.now())
    except Refusal as refusal:
        status = 422 if status_of(refusal) == 400 else status_of(refusal)
        wrong = {"address": said(refusal, lang)}
        return _page(what.template, lang, here, sent=sent, errors=wrong, status=status)
    return see_other(f"{here}&note=asked")


def _page(
    template: str,
    lang: str,
    here: str,
    *,
    asked: bool = False,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    path = here.partition("?")[0]
    context = {
        "languages": [
            {"code": code, "name": name, "url": f"{path}?lang={code}"}
            for code, name in NAMES.items()
            if code != lang
        ],
        "action": here,
        "asked": asked,
        "sent": sent or {},
        "errors": errors or {},
    }
    return page(template, context, lang=lang, status=status)
