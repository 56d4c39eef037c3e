"""All that decides whether letters may go, read in sets just now, and putting off those that may not.

Not here: the decision itself (rules.py), making ready and sending what may go (sending.py).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from consent import selectors as consent
from consent.models import Purpose
from panel.invitations import rules
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Facts, Reason, State, Verdict
from panel.members.models import Hold
from panel.waves import services as waves
from panel.waves.models import CaseEvent

NOT_BEGUN = (*rules.WAITING, State.CLAIMED)
REMINDED = frozenset(rules.EVENTS[kind] for kind in rules.REMINDERS)


def gather(rows: Sequence[Outgoing]) -> dict[UUID, Facts]:
    """All that decides on these rows, in a constant number of queries per study and purpose."""
    standing = Hold.objects.filter(member__in=[row.member_id for row in rows], lifted_at=None)
    holds: dict[UUID, set[str]] = defaultdict(set)
    for member_id, kind in standing.values_list("member", "kind"):
        holds[member_id].add(kind)
    agreed = _agreed(rows)
    events: dict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    of_cases = CaseEvent.objects.filter(case__in=[row.case_id for row in rows if row.case_id])
    for case_id, kind, at in of_cases.values_list("case_id", "kind", "at"):
        events[case_id].append((kind, at))
    return {
        row.pk: _facts(
            row,
            agreed=row.pk in agreed,
            held=_is_held(row, holds[row.member_id]),
            events=events[row.case_id or row.pk],
        )
        for row in rows
    }


def _is_held(row: Outgoing, holds: Collection[str]) -> bool:
    """Who is to agree to new words gets no survey mail until then; the question itself is what they wait for."""
    return bool(set(holds) - ({Hold.Kind.RECONSENT} if row.kind not in rules.SURVEY_MAIL else set()))


def _facts(row: Outgoing, *, agreed: bool, held: bool, events: Collection[tuple[str, datetime]]) -> Facts:
    member, study, wave = row.member, row.member.study, row.case.wave if row.case else None
    letters = [(kind, at) for kind, at in events if kind in rules.EVENTS.values()]
    return Facts(
        kind=row.kind,
        agreed=agreed,
        status=member.status,
        stopped=member.mail_stopped,
        paused_until=member.paused_until,
        held=held,
        unreachable=member.unreachable,
        wave_status=wave.status if wave else "",
        opens_at=wave.opens_at if wave else None,
        closes_at=wave.closes_at if wave else None,
        any_hour=wave.hours_lifted if wave else False,
        case_kinds={kind for kind, _at in events},
        reminders_sent=sum(kind in REMINDED for kind, _at in letters),
        reminders_max=study.reminders_max,
        last_sent=max((at for _kind, at in letters), default=None),
        gap_days=study.reminder_gap_days,
    )


def _agreed(rows: Sequence[Outgoing]) -> set[UUID]:
    """Rows whose purpose has a basis now (LAW-03). Service mail answers a request of the member's own."""
    by_purpose: dict[tuple[UUID, str], list[Outgoing]] = defaultdict(list)
    for row in rows:
        by_purpose[row.member.study.key, row.purpose].append(row)
    agreed: set[UUID] = set()
    for (study_key, purpose), of_purpose in by_purpose.items():
        codes = {row.member.code for row in of_purpose}
        if purpose != Purpose.SERVICE:
            codes = consent.holding(study_key=study_key, subjects=codes, purpose=Purpose(purpose))
        agreed.update(row.pk for row in of_purpose if row.member.code in codes)
    return agreed


def put_off(verdicts: dict[Outgoing, Verdict], now: datetime) -> None:
    """Defers and cancels in sets; an invitation that the close overtook is counted."""
    by_verdict: dict[Verdict, list[Outgoing]] = defaultdict(list)
    for row, verdict in verdicts.items():
        if not verdict.send:
            by_verdict[verdict].append(row)
    for verdict, rows in by_verdict.items():
        held_back = Outgoing.objects.filter(pk__in=[row.pk for row in rows], state__in=NOT_BEGUN)
        if verdict.until:
            held_back.update(
                state=State.DEFERRED,
                reason=verdict.reason,
                due_at=verdict.until,
                claim=None,
                lease_until=None,
            )
        else:
            held_back.update(state=State.CANCELLED, reason=verdict.reason, claim=None, lease_until=None)
        if verdict.reason == Reason.CLOSED:
            overtaken = [row.case for row in rows if row.case and row.kind == LetterKind.INVITATION]
            waves.record_events(cases=overtaken, kind=CaseEvent.Kind.NOT_SENT, at=now)
