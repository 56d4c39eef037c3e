"""The survey behind an answer link: welcome, pages, thanks. GET changes nothing; POST saves one page."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from panel.errors import BadInput, NotNow
from panel.instruments.questionnaire import Questionnaire
from panel.instruments.routing import route
from panel.instruments.selectors import questionnaire
from panel.invitations.models import Link
from panel.portal.fields import as_sent, fields, words
from panel.portal.guard import Visit, page, respondents, see_other, visit, wrong_link
from panel.residency.services import take_evidence
from panel.responses.models import Response
from panel.responses.rules import Why, shown_page, why_not
from panel.responses.selectors import language_of, response_of, standing
from panel.responses.services import Saved, save_page
from panel.waves.modes import Mode

MASKED = "masked"
SECONDS_AN_ITEM = 20


@respondents("GET", "POST")
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """The one address of a survey; `?page=` names a page, without it comes the welcome or the thanks."""
    came = visit(request, token, Link.Use.ANSWER, language=_language)
    if came is None:
        return wrong_link(request)
    response = response_of(came.case)
    if came.link.mode != Mode.SELF and response.revision and response.mode == Mode.SELF:
        return wrong_link(
            request
        )  # begun by themselves since: the next question alone would tell what they said
    why = why_not(standing(came.case, response), now=came.now)
    if why:
        return _thanks(came, why, request.GET.get("note") == MASKED)
    if request.method == "POST":
        return _save(request, came)
    if "page" in request.GET:
        return _page(came, response, wanted=request.GET["page"], masked=request.GET.get("note") == MASKED)
    return _welcome(came, response)


def _language(link: Link) -> str:
    return language_of(link.case) if link.case else link.member.language


def _welcome(came: Visit, response: Response) -> HttpResponse:
    q = questionnaire(response.instrument)
    minutes = max(5, -(-len(q.items()) * SECONDS_AN_ITEM // 300) * 5)
    context = _common(came, q) | {
        "start": came.address(page=shown_page(route(q, response.answers), response.saved, None)),
        "begun": response.revision > 0,
        "minutes": minutes,
        "closes_at": came.case.wave.closes_at,
    }
    return page("welcome", context, lang=came.lang)


def _thanks(came: Visit, why: Why, masked: bool) -> HttpResponse:
    """Completed, closed, not open or held: nothing is asked."""
    q = questionnaire(came.case.wave.questions)
    context = _common(came, q) | {"why": why.value, "masked": masked, "home": True}
    return page("thanks", context, lang=came.lang)


def _page(
    came: Visit,
    response: Response,
    *,
    wanted: str | None,
    errors: Mapping[str, str] | None = None,
    sent: Mapping[str, Sequence[str]] | None = None,
    told: str = "",
    masked: bool = False,
) -> HttpResponse:
    """One page of questions, with what is stored for it or what was just sent and is amiss."""
    q = questionnaire(response.instrument)
    way = route(q, response.answers)
    by_hand = came.link.by_hand  # who handed the link on knows it too: nothing that is saved is shown
    name = shown_page(way, response.saved, None if by_hand else wanted)
    step = way.step(name) if name else None
    if name is None or step is None:
        return see_other(came.address())
    number, of = way.place(name)
    back = None if by_hand else way.before(name)
    shown = fields(
        q, step, sent or ({} if by_hand else as_sent(step, way.answers)), errors or {},
        lang=came.lang, today=timezone.localdate(came.now),
    )  # fmt: skip
    context = _common(came, q, page=name) | {
        "title": words(step.page.labels, q, came.lang),
        "fields": shown,
        "errors": [field for field in shown if field.error],
        "told": told,
        "masked": masked,
        "number": number,
        "of": of,
        "action": came.address(page=name),
        "back": came.address(page=back) if back else came.address(),
        "revision": response.revision,
        "last": number == of,
    }
    return page("page", context, lang=came.lang, status=422 if errors else 409 if told else 200)


def _save(request: HttpRequest, came: Visit) -> HttpResponse:
    """Save the sent page, evidence of residency included, and go on to the next."""
    sent = {name: request.POST.getlist(name) for name in request.POST}
    name, revision = request.GET.get("page", ""), "".join(sent.pop("revision", []))
    if came.link.by_hand and name in response_of(came.case).saved:
        return see_other(came.address(page="-"))  # to be sent again would tell whether it is what is saved
    try:
        with transaction.atomic():
            saved = save_page(
                case=came.case, page=name, raw=sent, language=came.lang,
                revision=int(revision) if revision.isdecimal() and len(revision) < 9 else -1, now=came.now,
                mode=Mode(came.link.mode),
            )  # fmt: skip
            if saved.completed:
                take_evidence(response=saved.response, now=came.now)
    except BadInput:
        return see_other(came.address(page="-"))  # the page to go on with
    except NotNow as refusal:
        with translation.override(came.lang):
            told = str(refusal)
        return _page(came, response_of(came.case), wanted=name, told=told)
    return _after(came, name, sent, saved)


def _after(came: Visit, name: str, sent: Mapping[str, Sequence[str]], saved: Saved) -> HttpResponse:
    if saved.errors:
        return _page(came, saved.response, wanted=name, errors=saved.errors, sent=sent)
    note = MASKED if saved.words else None
    if saved.completed:
        return see_other(came.address(note=note))
    return see_other(came.address(page=saved.next_page, note=note))


def _common(came: Visit, q: Questionnaire, **query: str) -> dict[str, object]:
    return came.common(q.languages, **query)
