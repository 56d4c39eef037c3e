"""Requests on rights: a list by deadline, a page for each with its history, advice and steps.

The project leader acts, the data-protection officer reads and advises; both by code, no address.
"""

from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter, display
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from consent.models import Purpose
from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard
from panel.desk.base import DeskAdmin, Step, Words
from panel.desk.forms import Day, DeskForm, LongText, ReasonForm
from panel.desk.told import RungForm, outside_words
from panel.desk.words import colour, day, label, language
from panel.members.rules import Verb, tidy_code
from panel.members.selectors import is_restricted
from panel.rights import acts, requests, selectors
from panel.rights import request_rules as rules
from panel.rights.models import Request
from panel.rights.objections import PURPOSES
from panel.rights.request_rules import Act, State, Urgency
from panel.rights.rules import LEAVING, NO_RECALL

URGENCY: dict[str, Words] = {
    Urgency.OVERDUE: _("overdue"),
    Urgency.SOON: _("due within a week"),
    Urgency.LATER: _("in time"),
}
URGENT = {Urgency.OVERDUE: "danger", Urgency.SOON: "warning", Urgency.LATER: ""}


class AnswerForm(DeskForm):
    """What the member will read, and what was done."""

    text = LongText(
        first=True,
        label=_("Answer"), required=False, max_length=5000,
        help_text=_("The member reads it on their own page; a letter without content tells them. No address in it."),
    )  # fmt: skip
    done = LongText(
        label=_("What was done"), help_text=_("For the history here. Write no name and no address.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if language := self.initial.get("language"):
            self.fields["text"].label = _("Answer, in the member’s language: %(language)s") % {
                "language": language
            }
        else:  # gone, or about to be deleted: all contact stopped
            del self.fields["text"]


class ExtendForm(DeskForm):
    """Why it takes longer, as the member will read it."""

    reason = LongText(
        first=True, label=_("Reason"), help_text=_("The member reads it on their own page. No address in it.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = _("Reason, in the member’s language: %(language)s") % {
            "language": self.initial.get("language", "")
        }


class ObjectForm(DeskForm):
    """What is objected to, when it was told, and whether the use of answers is frozen too."""

    purposes = forms.MultipleChoiceField(
        label=_("The member objects to"),
        choices=[(purpose.value, Purpose(purpose).label) for purpose in PURPOSES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    told_on = Day(label=_("Day it was told"))
    freeze = LongText(
        label=_("Freeze their answers too, because"),
        required=False,
        help_text=_("Only where they object to the use of what they answered. Blank: answers stay in use."),
    )


def _language(request: Request) -> dict[str, Any]:
    """The language to write in; none where nothing can be written any more."""
    member = request.member
    if member is None or not requests.can_write(member):
        return {}
    return {"language": language(member.language)}


def _day_told(request: Request) -> dict[str, Any]:
    return {"told_on": request.received_on}


def _answer(*, by: Actor, obj: Request, now: datetime, done: str, text: str = "") -> Words:
    requests.answer(by=by, request=obj, text=text, done=done, now=now)
    return _("Answered.")


def _extend(*, by: Actor, obj: Request, now: datetime, reason: str) -> Words:
    requests.extend(by=by, request=obj, reason=reason, now=now)
    return _("Extended by 60 days. The member is told why.")


def _close(*, by: Actor, obj: Request, now: datetime, reason: str) -> Words:
    requests.close(by=by, request=obj, reason=reason, now=now)
    return _("Closed.")


def _advise(*, by: Actor, obj: Request, now: datetime, reason: str) -> Words:
    requests.advise(by=by, request=obj, advice=reason, now=now)
    return _("Your advice stands in the history.")


def _copy(*, by: Actor, obj: Request, now: datetime) -> Words:
    acts.copy(by=by, request=obj, now=now)
    return _("The copy is being made. The member gets a letter with a link, which works for seven days.")


def _restrict(*, by: Actor, obj: Request, now: datetime, reason: str) -> Words:
    acts.restrict(by=by, request=obj, reason=reason, now=now)
    return _("Restricted: no letters, edits or releases until it is lifted. The data are kept.")


def _lift(*, by: Actor, obj: Request, now: datetime) -> Words:
    acts.lift(by=by, request=obj, now=now)
    return _("Lifted. Tell the member in the answer.")


def _object(
    *, by: Actor, obj: Request, now: datetime, purposes: list[str], told_on: date, freeze: str
) -> Words:
    acts.object_to(by=by, request=obj, purposes=purposes, told_on=told_on, freeze=freeze, now=now)
    return _("Recorded. What it concerns has stopped.")


def _stop(*, by: Actor, obj: Request, now: datetime, rung: str, **given: Any) -> Words:
    case = selectors.running_case(obj.member) if obj.member else None
    acts.stop(by=by, request=obj, rung=rung, case=case, now=now, **given)
    return outside_words(obj.code) if rung in LEAVING else _("Recorded. The member gets a receipt.")


def is_open(request: Request) -> bool:
    """Somebody can still act on it."""
    return request.state != State.CLOSED


def moves_to(state: State) -> Any:
    """A step that the request's state allows."""
    return lambda request: rules.may_become(request.state, state)


def can_extend(request: Request) -> bool:
    """While the member can still be told in time."""
    in_time = timezone.localdate(clock.now()) <= request.due_on
    return moves_to(State.EXTENDED)(request) and in_time and requests.can_write(request.member)


def calls_for(act: Act) -> Any:
    """A step that answers a request of this kind in a study of this basis."""
    return lambda request: (
        is_open(request) and request.member is not None
        and act in rules.acts(request.kind, request.study.legal_basis)
    )  # fmt: skip


def is_held(request: Request) -> bool:
    """Whether the member's data are restricted now."""
    return bool(request.member and is_restricted(request.member))


STEPS = (
    Step[Request](
        "answer", Verb.ANSWER_REQUEST, _("Answer"),
        _("The member gets a letter that says no more than that there is an answer."),
        _answer, moves_to(State.ANSWERED), AnswerForm, initial=_language,
    ),
    Step[Request](
        "make-copy", Verb.ANSWER_REQUEST, _("Have a copy made"),
        _("Of everything held, readable and machine-readable. Its link goes to the member’s address alone."),
        _copy, lambda request: calls_for(Act.COPY)(request) and request.state in rules.UNANSWERED,
    ),
    Step[Request](
        "stop", Verb.RECORD_STOP, _("Record the stop"),
        _("The rung that the member chose, from the day it was told. They get a receipt; nobody is asked why."),
        _stop, calls_for(Act.STOP), RungForm, initial=_day_told,
    ),
    Step[Request](
        "object", Verb.ANSWER_REQUEST, _("Record the objection"),
        _("What is ticked stops at once: its letters lose their basis, queued ones too."),
        _object, calls_for(Act.OBJECT), ObjectForm, initial=_day_told,
    ),
    Step[Request](
        "restrict", Verb.HOLD, _("Restrict"),
        _("Freezes letters, edits and releases of this member. The data are kept; stops still work."),
        _restrict, lambda request: calls_for(Act.RESTRICT)(request) and not is_held(request), ReasonForm,
    ),
    Step[Request](
        "lift", Verb.HOLD, _("Lift the restriction"),
        _("Letters, edits and releases go on. The member is told before (GDPR 18): answer the request."),
        _lift, lambda request: calls_for(Act.RESTRICT)(request) and is_held(request),
    ),
    Step[Request](
        "extend", Verb.ANSWER_REQUEST, _("Extend by 60 days"),
        _("Only where it is complex, and once: the member is told why within the first 30 days (GDPR 12)."),
        _extend, can_extend, ExtendForm, initial=_language,
    ),
    Step[Request](
        "close", Verb.ANSWER_REQUEST, _("Close"),
        _("After its answer; or without one, where the member took it back."),
        _close, moves_to(State.CLOSED), ReasonForm,
    ),
    Step[Request](
        "advise", Verb.ADVISE, _("Give advice"),
        _("For the project leader, who decides. Advising changes nothing else."),
        _advise, is_open, ReasonForm,
    ),
)  # fmt: skip


class DueFilter(SimpleListFilter):
    """By how near the deadline is."""

    title = _("deadline")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("not answered")), *URGENCY.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Request]) -> QuerySet[Request]:
        wanted = self.value()
        if wanted is None:
            return queryset
        return selectors.pressing(queryset, wanted, today=timezone.localdate(clock.now()))


class RequestAdmin(DeskAdmin[Request]):
    """Unanswered ones first, by deadline."""

    path_prefix = "requests"
    heading = _("Requests on rights")
    see = (Verb.SEE_REQUESTS,)
    detail_template = "desk/request.html"
    sentence = _(
        "Each is answered within 30 days. The project leader acts; the data-protection officer reads and "
        "advises."
    )
    empty = _("No request here. Staff record one when a member writes or calls.")
    list_display = ("shown_code", "shown_kind", "shown_state", "shown_received", "shown_due")
    list_display_links = ("shown_code",)
    list_filter = (DueFilter, "state", "kind")
    list_select_related = ("study",)
    search_fields = ("code",)
    search_help_text = _("A member code or its beginning")
    steps = STEPS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Request]:
        over = Case(When(state__in=rules.UNANSWERED, then=Value(0)), default=Value(1))
        found = super().get_queryset(request).select_related("study", "member__study")
        return found.annotate(over=over).order_by("over", "due_on", "code")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Request], search_term: str
    ) -> tuple[QuerySet[Request], bool]:
        return queryset.filter(code__startswith=tidy_code(search_term)), False

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.RECORD_STOP not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Record a request"), "url": reverse("desk:request")}]

    @display(description=_("member"), ordering="code")
    def shown_code(self, one: Request) -> str:
        return one.code

    @display(description=_("about"), ordering="kind")
    def shown_kind(self, one: Request) -> str:
        return one.get_kind_display()

    @display(description=_("state"), ordering="state")
    def shown_state(self, one: Request) -> str:
        return label(one.get_state_display(), colour(one))

    @display(description=_("received"), ordering="received_on")
    def shown_received(self, one: Request) -> str:
        return day(one.received_on)

    @display(description=_("answer by"), ordering="due_on")
    def shown_due(self, one: Request) -> str:
        return SafeString(day(one.due_on) + " " + urgency_label(one))

    def detail(self, request: HttpRequest, obj: Request, may: frozenset[Verb]) -> dict[str, Any]:
        found = rules.urgency(obj.state, obj.due_on, today=timezone.localdate(clock.now()))
        member = obj.member
        return {
            "help": rules.help_for(obj.kind, obj.study.legal_basis) if is_open(obj) else "",
            "overdue": found == Urgency.OVERDUE,
            "urgency": urgency_label(obj),
            "notes": obj.notes.order_by("number"),
            "held": is_held(obj),
            "stops": selectors.in_force(member, now=clock.now()) if member else [],
            "outside": selectors.left_outside(obj.code),
            "no_recall": NO_RECALL,
            "sees_member": Verb.SEE_MEMBERS in may and member is not None,
        }


def urgency_label(one: Request) -> SafeString:
    """How near the deadline is, in its colour; nothing where it is answered."""
    found = rules.urgency(one.state, one.due_on, today=timezone.localdate(clock.now()))
    return label(str(URGENCY[found]), URGENT[found]) if found in URGENCY else SafeString("")
