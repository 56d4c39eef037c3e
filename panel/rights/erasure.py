"""Erasure to the end: stops that are due are carried out, and old copies of the keys die with them (CRY-06).

Keystore and vault go first, `default` last, so that a crash leaves the request standing and the next run finishes
it. The member is locked first and the stop second, as in services.py.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error, transaction
from django.db.models import Max

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import suppression
from panel.enrolment.models import ErasedRow, RecruitmentRecord
from panel.errors import Damaged, Refusal
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.journal.models import JournalEntry
from panel.members.models import PanelMember
from panel.rights.models import RequestNote, Stop
from panel.rights.rules import Rung, State
from panel.rights.services import retold
from panel.vault import keyring
from panel.vault import services as vault
from panel.waves import services as waves

logger = logging.getLogger(__name__)

ERASURE = Actor.system("erasure")
#: Erasures of one run; the next beat goes on.
LIMIT = 100
#: These destroyed a card.
DESTROYS = (journal.Kind.STOP_DONE, journal.Kind.CARD_ERASED, journal.Kind.MEMBER_ERASED)
#: After these an old copy of the keystore still opens what is gone, until the KEK is rotated.
DESTROYS_KEY = (*DESTROYS, journal.Kind.ADDRESS_CHANGED)


@dataclass(frozen=True)
class Night:
    """What a nightly run did; `rotated_to` is the new KEK version, where one was needed."""

    erased: int
    rotated_to: int | None


def erase_due(*, now: datetime) -> int:
    """Carry out what is due, one at a time; returns how many.

    One that can't be carried out is tried again at each beat, and all others go on: those that fail don't
    count towards the limit. The log names it by its code. Nothing at all is erased while the journal has more
    to say (somebody may have taken it back) or by a clock set back.
    """
    if not journal_state.in_step(now=now):
        return 0
    due = Stop.objects.filter(state=State.IN_FORCE, due_at__lte=now).order_by("due_at")
    done = 0
    for pk, code in list(due.values_list("pk", "code")):
        if done >= LIMIT:
            break
        try:
            done += carry_out(pk, now)
        except (Refusal, Error) as error:  # without its text: a database's can hold a row
            logger.error("The stop of %s was not carried out: %s.", code, type(error).__name__)
    return done


def nightly(*, now: datetime) -> Night:
    """Erase what is due, then rotate the KEK if a key was destroyed since the last time; safe to run again."""
    journal_state.check_in_step(now=now)
    erased = 0
    while done := erase_due(now=now):
        erased += done
    # Read before the rotation: a key destroyed after this may have been re-wrapped, so its entry counts next time.
    last = JournalEntry.objects.filter(kind__in=DESTROYS_KEY).aggregate(last=Max("id"))["last"] or 0
    if last <= journal_state.dead_upto():
        return Night(erased, None)
    rotation = keyring.rotate(by=ERASURE, now=now)
    if rotation.damaged:  # their version stays, and with it old copies of what was erased
        logger.error(
            "%d keys don't open and keep an old version alive: `manage.py keys verify`.", rotation.damaged
        )
    else:
        journal.note_dead(upto=last, now=now)
    return Night(erased, rotation.version)


@transaction.atomic
def carry_out(pk: Any, now: datetime, *, journaled: bool = False) -> int:
    """Contact card and data key first, `default` last; the stop stays as a proof by code, like the ledger.

    Locked before the card is destroyed: an undo that came a moment earlier is seen, a later one is refused, and
    nobody stays a member without a card.
    """
    members = PanelMember.objects.select_for_update(of=("self",)).select_related("study")
    member = members.filter(stops=pk).first()
    stop = Stop.objects.select_for_update(of=("self",)).select_related("case__wave").get(pk=pk)
    if stop.state != State.IN_FORCE or member is None:
        return 0
    told, ended = retold(stop), Stop.objects.filter(member=member, state=State.IN_FORCE)
    if ended.filter(
        never_again=True
    ).exists():  # said with whichever stop: after this no card says whose it was
        _suppress(member, now)
    vault.destroy_cards([stop.code])
    if stop.rung != Rung.LEAVE_DELETE:
        ended = ended.filter(pk=pk)
    ended.update(state=State.DONE, ended_at=now)
    if stop.rung == Rung.LEAVE_DELETE:
        erase(member)
    slug, detail = member.study.slug, {"rung": stop.rung}
    audit.record(by=ERASURE, verb="stop.carried_out", now=now, study=slug, subject=stop.code, detail=detail)
    if not journaled:
        journal.record(kind=journal.Kind.STOP_DONE, study=slug, code=stop.code, payload=told, now=now)
    return 1


def _suppress(member: PanelMember, now: datetime) -> None:
    """The address is never contacted again (LAW-13). One that doesn't open holds up no erasure; it is told."""
    try:
        suppression.suppress(by=ERASURE, member=member, now=now)
    except Damaged:
        slug = member.study.slug
        audit.record(by=ERASURE, verb="address.not_suppressed", now=now, study=slug, subject=member.code)


def erase(member: PanelMember) -> None:
    """Everything held of a member in `default`: the row takes cases, answers, evidence, links and letters with it.

    The keyed hash of their row in a recruitment file stays, so that the same file does not bring them back.
    """
    waves.keep_dispositions(cases=list(member.cases.select_related("wave")))
    for record in RecruitmentRecord.objects.filter(member=member):
        ErasedRow.objects.get_or_create(study=member.study, fingerprint=record.fingerprint)
        record.delete()
    RequestNote.objects.filter(request__member=member).update(words="")
    member.delete()
