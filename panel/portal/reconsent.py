"""The question of a re-consent run: the information letter, then a yes or no to each purpose, nothing ticked (LAW-04).

By the run's own letter or from the own page. What an answer does is panel/rights/consenting.py's.
"""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from consent import selectors as consents
from consent.models import ConsentEntry, ConsentForm
from panel.audit.rules import Actor
from panel.errors import BadInput, Refusal
from panel.invitations.models import Link
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import consenting
from panel.rights.models import ReconsentAsk, Stop

ANSWERS = (consenting.YES, consenting.NO)


@respondents("GET", "POST")
def by_letter(request: HttpRequest, token: str) -> HttpResponse:
    """By the link of the run's letter."""
    came = visit(request, token, Link.Use.CONSENT)
    if came is None:
        return wrong_link(request)
    asks = ReconsentAsk.objects.filter(member=came.member, run=came.link.occasion)
    ask = asks.select_related("run__form", "member__study").first()
    return wrong_link(request) if ask is None else _question(request, came, ask, Stop.Channel.OTHER_PAGE)


@respondents("GET", "POST")
def from_own_page(request: HttpRequest, token: str) -> HttpResponse:
    """From the own page, for whoever got no letter or lost it."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    asks = ReconsentAsk.objects.filter(member=came.member).select_related("run__form", "member__study")
    ask = asks.order_by("-run__started_at").first()
    if ask is None:
        return see_other(came.address(f"{came.home}/consents"))
    return _question(request, came, ask, Stop.Channel.OWN_PAGE)


def _question(request: HttpRequest, came: Visit, ask: ReconsentAsk, channel: Stop.Channel) -> HttpResponse:
    if request.method != "POST":
        return _page(came, ask, change="change" in request.GET)
    try:
        consenting.answer(
            by=Actor.member(came.member.code), ask=ask, said=request.POST.dict(), language=came.lang,
            channel=channel, now=came.now,
        )  # fmt: skip
    except BadInput as refusal:
        return _page(came, ask, sent=request.POST.dict(), error=said(refusal, came.lang), status=422)
    except Refusal as refusal:
        return _page(came, ask, told=said(refusal, came.lang), status=409)
    return see_other(came.address())


def _page(
    came: Visit,
    ask: ReconsentAsk,
    *,
    change: bool = False,
    sent: Mapping[str, str] | None = None,
    error: str = "",
    told: str = "",
    status: int = 200,
) -> HttpResponse:
    """The letter and its questions; or what was answered, which can be changed."""
    form, sent = ask.run.form, sent or {}
    language = consenting.language_of(came.member, came.lang)
    over = consenting.is_over(ask)
    asks_now = not over and (ask.answered_on is None or change or bool(error))
    context = came.common(came.study.languages) | {
        "over": over,
        "form": form,
        "form_language": language,
        "blocks": consents.letter(form, language) if asks_now else [],
        "questions": [
            {"name": text.question, "body": text.body, "said": _said(sent, text.question)}
            for text in consents.questions(form, language)
        ]
        if asks_now
        else [],
        "answered": [] if asks_now else _answered(came, form),
        "error": error,
        "told": told,
        "action": came.address(),
        "change": came.address(change="yes"),
    }
    return page("reconsent", context, lang=came.lang, status=status)


def _said(sent: Mapping[str, str], name: str) -> str:
    return sent[name] if sent.get(name) in ANSWERS else ""


def _answered(came: Visit, form: ConsentForm) -> list[dict[str, object]]:
    """The member's latest answer to each question of this form, in the words it was given to."""
    history = consents.history(study_key=came.study.key, subject=came.member.code)
    latest = {entry.purpose: entry for entry in history.filter(form_version=form.version)}
    return [
        {
            "text": consents.text_of_entry(entry),
            "yes": entry.action not in ConsentEntry.NO,
            "day": entry.day,
        }
        for entry in latest.values()
        if entry.text_sha256
    ]
