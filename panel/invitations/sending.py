"""Sends one claimed chunk: check each row now, make it ready, commit; then batch by batch to the mail server.

Everything up to the commit is one transaction and in sets; no transaction is open while the mail server is spoken to.
Only the batch that is being handed over is `sending`: what a killed worker leaves in doubt. Not here: what is due
(services.py), whether a letter may go (rules.py), its mail (rendering.py), the marks (marking.py).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.models import Model

from panel import sets
from panel.invitations import checking, marking, new_addresses, pace, post, readiness, rendering, rules
from panel.invitations.letters import Prepared, Shelf
from panel.invitations.marking import Ready
from panel.invitations.models import Outgoing
from panel.invitations.pace import Gate
from panel.invitations.post import Outcome, Postman
from panel.invitations.rules import Reason, State, Verdict
from panel.journal import selectors as journal
from panel.members.models import PanelMember, Study
from panel.waves.models import Case, Wave

#: So many letters are `sending` at once, fewer where the server is slow: what a killed worker leaves in doubt at most.
BATCH, FIRST_BATCH = 100, 10
#: How long a batch should take, and so how old the mark of an accepted letter gets.
BATCH_SECONDS = 0.5


def send_chunk(*, claim: UUID, now: datetime) -> int:
    """Sends what of this claim may go now; returns how many letters the mail server took."""
    until = monotonic() + rules.CHECK_HOLDS.total_seconds()  # what time it is comes from the caller
    with post.postman() as postman:
        postman.give_up_at(until + rules.LAST_LETTER.total_seconds())
        ready = make_ready(claim=claim, now=now, printed=postman.takes_bytes)
        gate, sent, size = pace.gate(now=now), 0, FIRST_BATCH
        while ready:
            batch, ready = marking.begin(ready[:size], now), ready[size:]
            began = monotonic()
            tried, taken = _hand_over(postman, gate, batch, now, until)
            sent += taken
            if tried < len(batch) or monotonic() >= until:
                _leave([*batch[tried:], *ready], postman, now)
                break
            size = fitting(size, monotonic() - began)
    return sent


def fitting(size: int, took: float) -> int:
    """How many letters the next batch should have, after one of this size took so long."""
    return max(1, min(BATCH, int(size * BATCH_SECONDS / max(took, 0.001))))


def _hand_over(
    postman: Postman, gate: Gate, batch: Sequence[Ready], now: datetime, until: float
) -> tuple[int, int]:
    """How many of a batch were tried and how many the server took; the check's time or the server may end it early."""
    tried, taken = 0, list[Outgoing]()
    try:
        for one in batch:
            if monotonic() >= until:
                break
            if wait := gate.wait(one.mail.to.rpartition("@")[2]):
                marking.pace(one, wait)
            elif (outcome := postman.hand_over(one.mail, now)) is Outcome.ACCEPTED:
                taken.append(one.row)
            elif outcome is Outcome.NO_SERVER:
                break
            else:
                marking.note(one.row, postman.answer, now)
            tried += 1
    finally:  # whatever went wrong with the next one, these arrived
        marking.sent(taken, now)
    return tried, len(taken)


def _leave(unsent: Sequence[Ready], postman: Postman, now: datetime) -> None:
    """The rest of a chunk, surely not sent: there is no server, or the check is too old."""
    if postman.answer.outcome is Outcome.NO_SERVER:
        marking.no_server(unsent, now)
    else:
        marking.put_back(unsent, now)


def make_ready(*, claim: UUID, now: datetime, printed: bool = False) -> list[Ready]:
    """Checks the claim's rows once more: those that may go are made ready, the others put off.

    `printed` where mails go as bytes.
    """
    while True:
        try:
            return _make_ready(claim, now, printed)
        except checking.NewlyMarked:
            pass
        except OperationalError as error:
            if not sets.is_deadlock(error):
                raise
        # All locks were let go, and somebody else's work has ended or will: so this ends too.


@transaction.atomic
def _make_ready(claim: UUID, now: datetime, printed: bool) -> list[Ready]:
    rows = _rows(claim)
    if not journal.in_step(now=now):
        checking.put_off(dict.fromkeys(rows, Verdict(Reason.OUT_OF_STEP, until=now + rules.RETRIES[0])), now)
        return []
    verdicts = checking.verdicts(rows, now)
    studies = {row.member.study for row in rows}
    shelf, unready = Shelf(studies), readiness.unready(studies)
    letters: dict[Outgoing, Prepared] = {}
    for row, verdict in verdicts.items():
        if verdict.send and row.member.study_id in unready:
            verdicts[row] = Verdict(Reason.STUDY_NOT_READY, until=now)
        elif verdict.send:
            letters[row] = shelf.find(row.member, row.kind, row.letter_id)
    addresses, none = new_addresses.opened(letters, now)
    verdicts |= none
    letters = {row: letter for row, letter in letters.items() if row not in none}
    checking.put_off(verdicts, now)
    ready = rendering.render(letters, addresses, now, printed=printed)
    made = {one.row.pk for one in ready}
    marking.fail([row for row in letters if row.pk not in made], Reason.NO_CARD)
    marking.ready(made, until=now + rules.SENDING_LEASE)
    return ready


def _rows(claim: UUID) -> list[Outgoing]:
    """The claim's rows and their people, locked; with studies and waves, each read once.

    Read table by table: a join makes the database read all members and all cases, and each wave once a row.
    """
    people = checking.hold_people(claim)
    mine = Outgoing.objects.select_for_update().filter(claim=claim, state=State.CLAIMED)
    rows = list(mine.order_by("planned_at"))
    cases = {
        case.pk: case for case in Case.objects.filter(pk__among=[row.case_id for row in rows if row.case_id])
    }
    waves = Wave.objects.in_bulk({case.wave_id for case in cases.values()})
    studies = Study.objects.in_bulk({member.study_id for member in people.values()})
    _attach(people.values(), PanelMember.study, studies)
    _attach(waves.values(), Wave.study, studies)
    _attach(cases.values(), Case.wave, waves)
    _attach(cases.values(), Case.member, people)
    _attach(rows, Outgoing.member, people)
    _attach(rows, Outgoing.case, cases)
    return rows


def _attach(rows: Collection[Model], key: Any, found: Mapping[UUID, Model]) -> None:
    """Gives each row what this foreign key of its model points at."""
    field = key.field
    for row in rows:
        if (pk := getattr(row, field.attname)) is not None:
            field.set_cached_value(row, found[pk])
