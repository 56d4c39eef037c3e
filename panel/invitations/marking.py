"""Marks in the outbox what became of letters: begun, sent, put back, refused, in doubt; with the event in each case.

Each mark is a compare-and-set in sets: a sweep may have called a row doubtful, but a person's decision stands. Not
here: speaking to the mail server (post.py), in which order things are done (sending.py).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from itertools import count
from time import monotonic, sleep
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet

from panel.audit.rules import Actor
from panel.invitations import links, retries, returns, rules
from panel.invitations.models import Outgoing
from panel.invitations.post import Answer, Mail, Outcome, Printed
from panel.invitations.retries import Pace
from panel.invitations.rules import Reason, State
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent

SENDER = Actor.system("sender")
log = logging.getLogger(__name__)
#: What a refusal of our own sender counts as: the server's quarrel with us is not held against the letter.
NOT_YOU = 421


#: So many seconds a mark is tried again while the database is away. Longer than a restart, shorter than a lease.
PATIENCE, NAP = 30.0, 0.5
P = ParamSpec("P")
R = TypeVar("R")


def surely(mark: Callable[P, R]) -> Callable[P, R]:
    """Tried again when the database was away: what became of a letter nobody but this worker knows."""

    @wraps(mark)
    def again(*args: P.args, **values: P.kwargs) -> R:
        end = monotonic() + PATIENCE
        while True:
            try:
                return mark(*args, **values)
            except (OperationalError, InterfaceError):
                if connection.in_atomic_block or monotonic() >= end:
                    raise
                connection.close()
                sleep(NAP)

    return again


@dataclass(frozen=True)
class Ready:
    """A checked row, its mail and the tokens of its links, in memory only."""

    row: Outgoing
    mail: Mail | Printed
    tokens: Collection[str] = field(default=(), repr=False)


def ready(rows: Collection[UUID], *, until: datetime) -> None:
    """These are checked and made: they count in everybody's limits from now on. Their rows are locked by the caller."""
    Outgoing.objects.filter(pk__among=rows).update(state=State.READY, lease_until=until)


@surely
def begin(batch: Sequence[Ready], now: datetime) -> list[Ready]:
    """These are handed over next; from here on nobody knows what a killed worker did with them."""
    rows = _of([one.row for one in batch], State.READY)
    if rows.update(state=State.SENDING, tried_at=now) == len(batch):
        return list(batch)
    mine = set(_of([one.row for one in batch], State.SENDING).values_list("pk", flat=True))
    return [one for one in batch if one.row.pk in mine]


def sent(rows: Sequence[Outgoing], now: datetime) -> None:
    """The server took them: a contact each, once, even if only the database's answer was lost the first time."""
    tries = count()

    @surely
    def mark() -> None:
        _sent(rows if next(tries) == 0 else _begun(rows), now)

    if rows:
        mark()


def _begun(rows: Sequence[Outgoing]) -> list[Outgoing]:
    still = set(_of(rows, State.SENDING, State.UNCONFIRMED).values_list("pk", flat=True))
    return [row for row in rows if row.pk in still]


@transaction.atomic
def _sent(rows: Sequence[Outgoing], now: datetime) -> None:
    begun = _of(rows, State.SENDING, State.UNCONFIRMED)
    if begun.update(state=State.SENT, sent_at=now, reason="", lease_until=None) < len(rows):
        took = set(_of(rows, State.SENT).values_list("pk", flat=True))
        rows = [row for row in rows if row.pk in took]
    contacts: dict[CaseEvent.Kind, list[Case]] = defaultdict(list)
    for row in rows:
        if row.case:
            contacts[rules.EVENTS[row.kind]].append(row.case)
    for kind, cases in contacts.items():
        waves.record_events(cases=cases, kind=kind, at=now)


@surely
@transaction.atomic
def note(row: Outgoing, answer: Answer, now: datetime) -> None:
    """What the server said of one letter, when it was no plain yes."""
    if answer.outcome is Outcome.DOUBT:
        _move(row, State.UNCONFIRMED, reason=Reason.LINE_BROKE, lease_until=None)
        return
    code = NOT_YOU if answer.outcome is Outcome.LATER and answer.code >= 500 else answer.code
    retry = retries.verdict(code, answer.enhanced, row.attempts + 1)
    if _is_address(answer, retry.pace):
        _bounce(row, answer, now)
    elif retry.again and retry.after:
        again = {
            "attempts": row.attempts + 1,
            "due_at": now + retry.after,
            "claim": None,
            "lease_until": None,
        }
        _move(row, State.DEFERRED, reason=retry.why, **again)
    else:
        reason = Reason.LETTER_REFUSED if retry.pace is Pace.BOUNCE else retry.why
        _move(row, State.FAILED, reason=reason, attempts=row.attempts + 1, lease_until=None)


def _is_address(answer: Answer, pace: Pace) -> bool:
    """Whether the address was refused; once the content was given, only what names the address tells of it."""
    if answer.outcome is Outcome.ADDRESS_REFUSED and not answer.code:
        return True  # no server would know where to send it
    by_content = answer.outcome is Outcome.MAIL_REFUSED and not answer.enhanced.startswith("5.1.")
    return pace is Pace.BOUNCE and not by_content


def _bounce(row: Outgoing, answer: Answer, now: datetime) -> None:
    """The address was refused for good. It tells nothing of where somebody lives (RES-03)."""
    if _move(row, State.FAILED, reason=Reason.ADDRESS_REFUSED, attempts=row.attempts + 1, lease_until=None):
        returns.refused_at_once(row=row, code=str(answer.code or ""), enhanced=answer.enhanced, now=now)


@surely
def put_back(unsent: Collection[Ready], now: datetime) -> None:
    """Their check is too old: they go back and are checked again. Surely none of them was sent."""
    rows = _of([one.row for one in unsent], State.READY, State.SENDING)
    rows.update(state=State.QUEUED, due_at=now, claim=None, lease_until=None)
    _forget(unsent)


@surely
def pace(one: Ready, until: datetime) -> None:
    """Its turn comes later, for so many letters went already. It was not sent."""
    rows = _of([one.row], State.READY, State.SENDING)
    rows.update(state=State.DEFERRED, reason=Reason.PACED, due_at=until, claim=None, lease_until=None)
    _forget([one])


@surely
def no_server(unsent: Sequence[Ready], now: datetime) -> None:
    """There is nobody to hand them to: all wait, and it counts as nobody's try, however long it lasts.

    The first is the one at which the line broke. It waits longer, so that it stands before the same others no more.
    """
    for some, wait in ((unsent[:1], retries.ABSENT), (unsent[1:], retries.BEHIND)):
        _of([one.row for one in some], State.READY, State.SENDING).update(
            state=State.DEFERRED, reason=Reason.NO_SERVER, due_at=now + wait, claim=None, lease_until=None
        )
    _forget(unsent)


def _forget(unsent: Collection[Ready]) -> None:
    """The next try makes links of its own: else a server that is slow for a night leaves millions behind.

    Whoever calls has kept the mark already: tidying up must not undo it. What a server answered for keeps its links,
    whatever it said, and so does what a killed worker leaves.
    """
    try:
        links.forget([token for one in unsent for token in one.tokens])
    except Error:
        log.warning("The links of %d unsent letters stay behind.", len(unsent))


def fail(rows: Collection[Outgoing], reason: Reason) -> None:
    """Never made, for this reason; staff see it by code."""
    Outgoing.objects.filter(pk__among=[row.pk for row in rows]).update(
        state=State.FAILED, reason=reason, claim=None, lease_until=None
    )


def _of(rows: Sequence[Outgoing], *states: State) -> QuerySet[Outgoing]:
    """These rows of one claim, as far as they are still the claim's and in one of these states."""
    claims = {row.claim for row in rows}
    return Outgoing.objects.filter(pk__among=[row.pk for row in rows], claim__in=claims, state__in=states)


def _move(row: Outgoing, to: State, **values: object) -> bool:
    return bool(_of([row], State.SENDING, State.UNCONFIRMED).update(state=to, **values))
