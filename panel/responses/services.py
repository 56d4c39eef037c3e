"""Answers are written here, page by page. Answering is not audited; each case's events are left with `waves`.

Opens no link, sends nothing, and knows nothing of residency: whoever calls does that in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry
from panel.errors import BadInput, NotNow
from panel.instruments.checking import Checked, check
from panel.instruments.questionnaire import Questionnaire, Value
from panel.instruments.routing import Route, Step, route
from panel.instruments.selectors import questionnaire
from panel.journal import services as journal
from panel.responses.models import Response
from panel.responses.rules import Why, after, enough, still_saved, to_go_on, why_not
from panel.responses.selectors import response_of, standing
from panel.waves.models import Case, CaseEvent
from panel.waves.modes import Mode
from panel.waves.services import record_event

#: Codes of a question that asks for a consent; any other answer, or none, leaves the ledger as it is.
YES, NO = "yes", "no"
CHANNEL = "portal"

SENTENCES = {
    Why.NOT_OPEN: _("This survey has not opened yet."),
    Why.CLOSED: _("This survey is closed. Thank you for your interest."),
    Why.LEFT: _("You have left the study, so there is nothing to answer."),
    Why.HELD: _("Answering is paused at the moment. Please write to the study if you did not ask for this."),
    Why.COMPLETED: _("You have already completed this survey."),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a page. With errors nothing was kept; `words` are remarks to the writer (NEV-04)."""

    response: Response
    errors: Mapping[str, str] = field(default_factory=dict)
    next_page: str | None = None
    completed: bool = False
    words: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def save_page(
    *,
    case: Case,
    page: str,
    raw: Mapping[str, Sequence[str]],
    language: str,
    revision: int,
    now: datetime,
    mode: Mode = Mode.SELF,
) -> Saved:
    """Check and keep one page. `revision` is the one the page was shown with: 0 before anything was saved.

    Raises NotNow if the case can't be answered, or if another device saved in between; the same page sent
    twice is no harm and leads on.
    """
    # Read anew under a lock: one save of a case at a time, the first one too.
    cases = Case.objects.select_for_update(of=("self",))
    case = cases.select_related("wave__instrument", "member__study").get(pk=case.pk)
    response = response_of(case)
    q = questionnaire(response.instrument)
    why = why_not(standing(case, response), now=now)
    if why and why != Why.COMPLETED:
        raise NotNow(SENTENCES[why])
    way = route(q, response.answers)
    step = way.step(page)
    if step is None:
        raise BadInput(_("This survey has no such page. Please go back to its beginning."))
    checked = check(q, page, way.answers, raw, lang=language, today=timezone.localdate(now))
    begun_by_themselves = bool(response.revision) and response.mode == Mode.SELF
    if revision != response.revision or why or (mode != Mode.SELF and begun_by_themselves):
        return _sent_again(response, way, step, checked)
    if checked.errors:
        return Saved(response, errors=checked.errors, words=checked.notices)
    if mode != Mode.SELF:
        response.mode = mode
    return _keep(response, q, way, step, checked, language, now)


def _own(step: Step, answers: Mapping[str, Value]) -> dict[str, Value]:
    return {item.name: answers[item.name] for item in step.page.items if item.name in answers}


def _sent_again(response: Response, way: Route, step: Step, checked: Checked) -> Saved:
    """An old revision: a double click holds what is stored already; anything else is a second device."""
    page = step.page.name
    same = not checked.errors and page in response.saved and checked.answers == _own(step, response.answers)
    if not same:
        raise NotNow(
            SENTENCES[Why.COMPLETED]
            if response.completed_at
            else _(
                "You have answered on another screen in the meantime. "
                "Here are your latest answers; please continue from here."
            )
        )
    return Saved(
        response,
        next_page=after(way, page, response.saved),
        completed=response.completed_at is not None,
    )


def _keep(
    response: Response,
    q: Questionnaire,
    before: Route,
    step: Step,
    checked: Checked,
    language: str,
    now: datetime,
) -> Saved:
    """Write the page, drop answers that no longer count, and leave the case's events."""
    page = step.page.name
    asked_here = {item.name for item in step.page.items}
    others = {name: value for name, value in before.answers.items() if name not in asked_here}
    way = route(q, {**others, **checked.answers})
    saved = sorted({*still_saved(before, way, response.saved), page})
    open_page = to_go_on(way, saved)
    first, response.revision = response.revision == 0, response.revision + 1
    response.started_at = now if first else response.started_at
    response.answers, response.saved, response.page = dict(way.answers), saved, open_page or ""
    response.language = language
    response.completed_at = now if open_page is None else None
    response.save()
    if first:
        record_event(case=response.case, kind=CaseEvent.Kind.STARTED, at=now)
    if response.completed_at:
        record_event(case=response.case, kind=CaseEvent.Kind.COMPLETED, at=now)
        _note_consents(response, q, now)
    elif enough(way) and not enough(before):
        record_event(case=response.case, kind=CaseEvent.Kind.SUFFICIENT, at=now)
    return Saved(
        response, next_page=after(way, page, saved), completed=open_page is None, words=checked.notices
    )


def _note_consents(response: Response, q: Questionnaire, now: datetime) -> None:
    """What a completed form asked consent for: a yes to approved words, and each no (LAW-02, LAW-03)."""
    study, code = response.case.member.study, response.case.member.code
    day, language = timezone.localdate(now), response.language
    channel = CHANNEL if response.mode == Mode.SELF else str(response.mode)
    for item in q.items():
        answer, words = response.answers.get(item.name), item.labels.get(language, "")
        if item.purpose and answer == NO:
            ledger.withdraw(
                study_key=study.key, subject=code, purposes=[item.purpose], channel=channel, day=day
            )
            no = {"purposes": [item.purpose], "channel": channel}
            journal.record(kind=journal.Kind.WITHDRAWN, study=study.slug, code=code, payload=no, now=now)
        text = (
            item.purpose
            and answer == YES
            and consents.approved_text(
                study_key=study.key, purpose=item.purpose, language=language, body=words
            )
        )
        if text:
            entry = ledger.NewEntry(
                study.key, code, item.purpose, ConsentEntry.Action.GIVEN, text.form.version, text.sha256,
                language, channel, day,
            )  # fmt: skip
            ledger.record([entry])
