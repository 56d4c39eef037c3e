"""The public way back to a lost link (TOK-01): says the same to everybody, whoever has the address or not."""

from django.http import HttpRequest, HttpResponse

from panel import clock
from panel.errors import Refusal, status_of
from panel.portal.guard import NAMES, browser_language, page, respondents, said, see_other
from panel.rights import lost


@respondents("GET", "POST")
def again(request: HttpRequest) -> HttpResponse:
    """GET shows the form; POST keeps the address for a worker's look."""
    wanted = request.GET.get("lang", "")
    lang = wanted if wanted in NAMES else browser_language()
    here = f"{request.path}?lang={lang}"
    if request.method != "POST":
        return _page(lang, here, asked=request.GET.get("note") == "asked")
    typed = request.POST.get("address", "")
    try:
        lost.ask_link(address=typed, now=clock.now())
    except Refusal as refusal:
        status = 422 if status_of(refusal) == 400 else status_of(refusal)
        return _page(lang, here, typed=typed, error=said(refusal, lang), status=status)
    return see_other(f"{here}&note=asked")


def _page(
    lang: str, here: str, *, asked: bool = False, typed: str = "", error: str = "", status: int = 200
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
        "sent": typed,
        "error": error,
    }
    return page("again", context, lang=lang, status=status)
