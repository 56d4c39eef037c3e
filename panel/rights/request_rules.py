"""The life of a request on rights, its deadlines, and which acts answer which request. Pure.

Not here: who may (panel/members), what an act does (requests.py, acts.py).
"""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.members.models import LegalBasis
from panel.rights.models import Request

State = Request.State
Kind = Request.Kind

#: The whole life of a request; docs/states.md is made from it.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.EXTENDED, State.ANSWERED, State.CLOSED}),
    State.EXTENDED: frozenset({State.ANSWERED, State.CLOSED}),
    State.ANSWERED: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}
UNANSWERED = (State.OPEN, State.EXTENDED)

#: By the calendar, from the day it was received (GDPR 12(3), the shorter reading of "one month").
ANSWER_WITHIN = timedelta(days=30)
EXTENSION = timedelta(days=60)
#: When a deadline begins to ask for attention.
SOON = timedelta(days=7)
#: What reached the study longer ago is a slip of the year.
OLDEST = timedelta(days=365)


class Urgency(StrEnum):
    """How near a deadline is."""

    OVERDUE = "overdue"
    SOON = "soon"
    LATER = "later"
    DONE = "done"


class Act(StrEnum):
    """What the desk can do about a request besides answering it."""

    COPY = "copy"
    RESTRICT = "restrict"
    OBJECT = "object"
    STOP = "stop"


#: What fits a request, whatever the study's basis. Who contests a fact, or objects, may ask for a restriction
#: until it is decided (GDPR 18(1) a and d).
_ACTS: Mapping[Kind, tuple[Act, ...]] = {
    Kind.ACCESS: (Act.COPY,),
    Kind.PORTABILITY: (),
    Kind.RECTIFICATION: (Act.RESTRICT,),
    Kind.RESTRICTION: (Act.RESTRICT,),
    Kind.OBJECTION: (Act.RESTRICT,),
    Kind.WITHDRAWAL: (Act.STOP,),
    Kind.ERASURE: (Act.STOP,),
    Kind.COMPLAINT: (),
    Kind.QUESTION: (),
}
#: What a study's basis adds (LAW-11): portability goes with consent, objection with public interest.
_BY_BASIS: Mapping[tuple[str, Kind], tuple[Act, ...]] = {
    (LegalBasis.CONSENT, Kind.PORTABILITY): (Act.COPY,),
    (LegalBasis.CONSENT, Kind.OBJECTION): (Act.STOP,),
    (LegalBasis.PUBLIC_INTEREST, Kind.OBJECTION): (Act.OBJECT,),
}

HELP: Mapping[Kind, str | Promise] = {
    Kind.ACCESS: _(
        "A copy of everything held, made by the service and fetched by the member with a link in a letter. "
        "Nobody here reads it."
    ),
    Kind.PORTABILITY: _("This study rests on consent, so the member can take a machine-readable copy along."),
    Kind.RECTIFICATION: _(
        "An address is changed by the contact keeper, and confirmed at the new one. Where somebody lives is "
        "recorded by a coordinator. Answers stay as they were given; the member can correct them while the "
        "wave is open."
    ),
    Kind.RESTRICTION: _("While it lasts there are no letters, no edits and no releases; the data are kept."),
    Kind.OBJECTION: _("An objection stops what it concerns at once and for good; no reason is asked."),
    Kind.WITHDRAWAL: _("Record the rung that the member chose. It holds at once; nobody is asked why."),
    Kind.ERASURE: _(
        "Record “leave and delete”: all contact and use stop at once, deletion follows in 14 days."
    ),
    Kind.COMPLAINT: _(
        "Answer it, and name the data-protection officer and the right to complain to Datatilsynet."
    ),
    Kind.QUESTION: _("Answer it in the member’s language."),
}
_OTHER_BASIS: Mapping[tuple[str, Kind], str | Promise] = {
    (LegalBasis.PUBLIC_INTEREST, Kind.PORTABILITY): _(
        "This study rests on public interest, so portability doesn’t apply. Access gives a copy all the same: "
        "say so in the answer."
    ),
    (LegalBasis.CONSENT, Kind.OBJECTION): _(
        "This study rests on consent, so withdrawing is the way: it needs no reason and stops everything at "
        "once."
    ),
}


def may_become(state: str, wanted: State) -> bool:
    """Whether a request may take this step."""
    return wanted in TRANSITIONS[State(state)]


def acts(kind: str, basis: str) -> tuple[Act, ...]:
    """What fits a request in a study of this legal basis."""
    return (*_BY_BASIS.get((basis, Kind(kind)), ()), *_ACTS[Kind(kind)])


def help_for(kind: str, basis: str) -> str | Promise:
    """What a request of this kind asks of whoever deals with it."""
    return _OTHER_BASIS.get((basis, Kind(kind)), HELP[Kind(kind)])


def due_on(received_on: date) -> date:
    """The last day of the time to answer."""
    return received_on + ANSWER_WITHIN


def extended_due_on(received_on: date) -> date:
    """The last day after an extension."""
    return received_on + ANSWER_WITHIN + EXTENSION


def urgency(state: str, due: date, *, today: date) -> Urgency:
    """How near the deadline is; nothing presses once it is answered."""
    if state not in UNANSWERED:
        return Urgency.DONE
    if today > due:
        return Urgency.OVERDUE
    return Urgency.SOON if today > due - SOON else Urgency.LATER


def check_received(received_on: date, *, today: date) -> None:
    """Refuses a day that can't be the one on which it was received."""
    if not today - OLDEST <= received_on <= today:
        raise BadInput(_("Give the day on which it was received: today or earlier, within the last year."))


def check_extension(due: date, *, today: date) -> None:
    """The member must hear of an extension within the first 30 days (GDPR 12(3))."""
    if today > due:
        raise NotNow(_("The time is over, so it can’t be extended any more. Answer the request now."))
