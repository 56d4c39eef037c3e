"""The pages that need no link: a neutral front page and a word to search engines."""

from django.http import HttpRequest, HttpResponse

from panel.portal.guard import NAMES, browser_language, page, respondents


@respondents("GET")
def landing(request: HttpRequest) -> HttpResponse:
    """What this place is, and nothing of any topic: also where the quick way out leads."""
    wanted = request.GET.get("lang", "")
    lang = wanted if wanted in NAMES else browser_language()
    others = {code: name for code, name in NAMES.items() if code != lang}
    languages = [{"code": code, "name": name, "url": f"/?lang={code}"} for code, name in others.items()]
    return page("landing", {"languages": languages}, lang=lang)


@respondents("GET")
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines stay out."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")
