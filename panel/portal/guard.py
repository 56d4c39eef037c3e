"""What respondents' pages have in common: headers, language, and one neutral answer to a bad link.

No session, no message, no cookie; nothing of the visitor's address or device is read (NEV-02, NEV-06).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from panel import clock
from panel.errors import Refusal
from panel.invitations import links
from panel.invitations.models import Link
from panel.members.models import PanelMember, Study
from panel.waves.models import Case

View = Callable[..., HttpResponse]
NAMES = dict(settings.LANGUAGES)

#: Links that the member alone holds: each leads to the ladder too (LAW-05, LAW-06). A one-click link only pauses
#: (TOK-03), and who holds a link to a new address may be a stranger.
OF_MEMBER = (Link.Use.ANSWER, Link.Use.STOP, Link.Use.OWN, Link.Use.COPY, Link.Use.CANCEL, Link.Use.CONSENT)

#: Those that lead to the own page by way of the mailbox; its own pages lead back to it themselves.
TO_OWN = tuple(use for use in OF_MEMBER if use != Link.Use.OWN)

#: What a page meets whose member was erased while it was being made.
ERASED = (PanelMember.DoesNotExist, Case.DoesNotExist)

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is a key: it must not travel on
    "X-Robots-Tag": "noindex, nofollow",
}


def respondents(*methods: str) -> Callable[[View], View]:
    """Guards a view of the portal. HEAD comes with GET; anything else is refused.

    Exempt from CSRF, for that needs a cookie. Nothing here rests on a cookie that another site could ride on:
    who can post knows the link, and the link alone is the capability.
    """

    def guard(view: View) -> View:
        allowed = require_http_methods([*methods, *(["HEAD"] if "GET" in methods else [])])(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                response = allowed(request, *args, **kwargs)
            except ERASED:
                response = wrong_link(request)
            for name, value in HEADERS.items():
                response.headers[name] = value
            return response

        return csrf_exempt(guarded)

    return guard


@dataclass(frozen=True)
class Visit:
    """Who came by which link, at what time, in which language."""

    link: Link
    path: str
    now: datetime
    lang: str
    chosen: bool = field(default=False)  # the language was chosen in the address, so it is carried on

    @property
    def member(self) -> PanelMember:
        return self.link.member

    @property
    def study(self) -> Study:
        return self.link.member.study

    @property
    def case(self) -> Case:
        """The case of an answer link; those always have one."""
        assert self.link.case is not None
        return self.link.case

    @property
    def home(self) -> str:
        """The first page of this link: one letter and the token."""
        return "/".join(self.path.split("/")[:3])

    def common(self, offered: Collection[str] = tuple(NAMES), **query: str) -> dict[str, object]:
        """What each page of a link shows: who asks, other languages, the ways to the ladder and the own page."""
        stops = self.home if self.link.use == Link.Use.STOP else f"{self.home}/stop"
        return {
            "study": self.study,
            "languages": self.languages(offered, **query),
            "stop_url": self.address(stops) if self.link.use in OF_MEMBER else "",
            "own_url": self.address(f"{self.home}/own") if self.link.use in TO_OWN else "",
        }

    def address(self, path: str = "", **query: str | None) -> str:
        """An address on this link, with the chosen language carried on."""
        words = {name: value for name, value in query.items() if value}
        if self.chosen:
            words.setdefault("lang", self.lang)
        return (path or self.path) + (f"?{urlencode(words)}" if words else "")

    def languages(self, offered: Collection[str], **query: str) -> list[dict[str, str]]:
        """The other languages this page can be read in."""
        return [
            {"code": code, "name": NAMES[code], "url": self.address(**query, lang=code)}
            for code in NAMES
            if code in offered and code != self.lang
        ]


#: What mail programs add to an address at the end of a line.
TRAILING = "/.,;:)>"


def visit(
    request: HttpRequest,
    token: str,
    use: Link.Use,
    *,
    also_left: bool = False,
    language: Callable[[Link], str] = lambda link: link.member.language,
) -> Visit | None:
    """The visit a link stands for; None for whatever is not a living link of this use."""
    now = clock.now()
    link = links.resolve(token=token, use=use, now=now, also_left=also_left)
    if link is None:
        return None
    wanted = request.GET.get("lang", "")
    chosen = wanted in NAMES
    lang = wanted if chosen else language(link)
    return Visit(link, request.path.rstrip(TRAILING), now, lang if lang in NAMES else "en", chosen)


def page(template: str, context: Mapping[str, Any], *, lang: str, status: int = 200) -> HttpResponse:
    """A page in a language. Rendered without the request: nothing of it may seep into a page."""
    with translation.override(lang):
        html = render_to_string(f"portal/{template}.html", dict(context))
    return HttpResponse(html, status=status, headers={"Content-Language": lang})


def see_other(address: str) -> HttpResponse:
    """After a POST: look at the result by GET, so that loading the page again posts nothing."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def said(refusal: Refusal, lang: str) -> str:
    """A refusal in the reader's language."""
    with translation.override(lang):
        return str(refusal)


def wrong_link(request: HttpRequest) -> HttpResponse:
    """Unknown, expired, withdrawn or of another use: all look the same (TOK-01)."""
    wanted = request.GET.get("lang", "")
    return page("wrong", {}, lang=wanted if wanted in NAMES else browser_language(), status=404)


def browser_language() -> str:
    """The visitor's own language among ours, for pages that no link gives one."""
    active = translation.get_language() or "en"
    return active if active in NAMES else "en"
