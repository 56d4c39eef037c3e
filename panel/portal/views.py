"""The pages that need no link: a neutral front page and a word to search engines."""

from django.http import HttpRequest, HttpResponse

from panel.portal.guard import browser_language, page, respondents


@respondents("GET")
def landing(request: HttpRequest) -> HttpResponse:
    """What this place is: also where the quick way out leads, so it offers no choice of languages."""
    return page("landing", {}, lang=browser_language())


@respondents("GET")
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines stay out."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")
