"""All that decides whether letters may go, read in sets just now, and putting off those that may not.

Not here: the decision itself (rules.py), making ready and sending what may go (sending.py).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from consent import selectors as consent
from consent.models import Purpose
from panel.invitations import burdens, pauses, rules
from panel.invitations.limits import Burden
from panel.invitations.models import Outgoing
from panel.invitations.rules import Facts, Reason, State, Verdict
from panel.members.models import Hold, PanelMember
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from panel.waves.plans import Condition

NOT_BEGUN = (*rules.WAITING, State.CLAIMED)
REMINDED = frozenset(rules.EVENTS[kind] for kind in rules.REMINDERS)


class NewlyMarked(Exception):
    """Somebody became known as one person with somebody else while their people were being found."""


def hold_people(claim: UUID) -> dict[UUID, PanelMember]:
    """Locks the people of a claim, before its rows, so that two workers never both find room for one more letter.

    Returns them by id, and whoever else they are. Raises NewlyMarked where an enrolment came in between: whoever else
    they are now isn't locked, and locking them late could meet a worker who holds them and waits for these.
    """
    to = Outgoing.objects.filter(claim=claim, state=State.CLAIMED).values_list("member", flat=True)
    marks = dict(PanelMember.objects.filter(pk__among=list(to)).values_list("pk", "person"))
    whom = burdens.same_people(marks)
    people = PanelMember.objects.filter(pk__among=whom).order_by("pk").select_for_update(no_key=True)
    held = {member.pk: member for member in people}
    if any(member.person != marks[pk] for pk, member in held.items() if pk in marks):
        raise NewlyMarked
    return held


def verdicts(rows: Sequence[Outgoing], now: datetime) -> dict[Outgoing, Verdict]:
    """Whether each may go now; of two letters of other waves to one person the second counts the first."""
    facts, going, decided = gather(rows, now), set[UUID](), {}
    for row in rows:
        person = row.member.person or row.member_id
        if row.case_id and person in going:  # decided on when the first is on its way
            decided[row] = Verdict(Reason.MAIL_CAP, until=now + rules.CHECK_HOLDS)
            continue
        decided[row] = verdict = rules.may_send(facts[row.pk], now)
        if row.case_id and verdict.send:
            going.add(person)
    return decided


def gather(rows: Sequence[Outgoing], now: datetime) -> dict[UUID, Facts]:
    """All that decides on these rows, in a constant number of queries per study and purpose."""
    standing = Hold.objects.filter(member_id__among=[row.member_id for row in rows], lifted_at=None)
    holds: dict[UUID, set[str]] = defaultdict(set)
    for member_id, kind in standing.values_list("member", "kind"):
        holds[member_id].add(kind)
    agreed = _agreed(rows)
    events: dict[UUID, set[str]] = defaultdict(set)
    reminders: Counter[UUID] = Counter()
    of_cases = CaseEvent.objects.filter(case_id__among=[row.case_id for row in rows if row.case_id])
    for case_id, kind in of_cases.values_list("case_id", "kind"):
        events[case_id].add(kind)
        reminders[case_id] += kind in REMINDED
    loads, paused, conditions = _burdens(rows, now), _paused(rows), _conditions(rows)
    return {
        row.pk: _facts(
            row,
            agreed=row.pk in agreed,
            held=_is_held(row, holds.get(row.member_id, ())),
            case_kinds=events.get(row.case_id or row.pk, ()),
            to=conditions[row.pk],
            reminders_sent=reminders[row.case_id or row.pk],
            paused=row.pk in paused,
            burden=loads.get(row.pk, Burden()),
        )
        for row in rows
    }


def _burdens(rows: Sequence[Outgoing], now: datetime) -> dict[UUID, Burden]:
    """What each survey letter would add to, over all studies."""
    survey = [(row, row.member, case.wave) for row in rows if (case := row.case)]
    if not survey:
        return {}
    studies = {member.study_id: member.study for _row, member, _wave in survey}
    silence = burdens.silences(studies)
    numbers = {pk: burdens.numbers(study) for pk, study in studies.items()}
    waves_of = {wave.pk: wave for _row, _member, wave in survey}
    since = burdens.look_back(studies.values(), now, of_rows=waves_of.values())
    sent = burdens.history([member for _row, member, _wave in survey], since=since)
    return {
        row.pk: burdens.burden(
            member=member,
            kind=row.kind,
            wave=wave,
            silence=silence[wave.study_id],
            sent=sent[row.member_id],
            of_study=numbers[wave.study_id],
        )
        for row, member, wave in survey
    }


def _conditions(rows: Sequence[Outgoing]) -> dict[UUID, Condition | None]:
    """Whom the step of each letter is for in the plan as it is now; None where the plan has no such step any more."""
    wave_of = {row.case.wave_id: row.case.wave for row in rows if row.case}
    plans = {pk: wave.planned for pk, wave in wave_of.items()}  # parsed once for each wave
    asked = {
        row.pk: (case.wave_id, row.kind, row.ordinal)
        for row in rows
        if (case := row.case) and row.kind in rules.SURVEY_MAIL
    }
    steps = {of: plans[of[0]].step(of[1], of[2]) for of in set(asked.values())}
    found = {pk: step.to if (step := steps[of]) else None for pk, of in asked.items()}
    return {row.pk: found.get(row.pk, Condition.EVERYBODY) for row in rows}


def _paused(rows: Sequence[Outgoing]) -> set[UUID]:
    """Rows that a pause keeps back; the one letter that is tried in spite of it is not among them."""
    survey = [row for row in rows if row.case_id]
    studies = pauses.paused({row.member.study_id for row in survey})
    of_all = pauses.of_all()
    return {
        row.pk
        for row in survey
        if row.member.study_id in studies or (of_all and (of_all.probe is None or row.claim != of_all.probe))
    }


def _is_held(row: Outgoing, holds: Collection[str]) -> bool:
    """Who is to agree to new words gets no survey mail until then; the question itself is what they wait for."""
    return bool(holds) and (
        row.kind in rules.SURVEY_MAIL or any(kind != Hold.Kind.RECONSENT for kind in holds)
    )


def _facts(
    row: Outgoing,
    *,
    agreed: bool,
    held: bool,
    case_kinds: Collection[str],
    to: Condition | None,
    reminders_sent: int,
    paused: bool,
    burden: Burden,
) -> Facts:
    member, case = row.member, row.case
    wave = case.wave if case else None
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
        case_kinds=case_kinds,
        to=to,
        reminders_sent=reminders_sent,
        paused=paused,
        burden=burden,
    )


def _agreed(rows: Sequence[Outgoing]) -> set[UUID]:
    """Rows whose purpose has a basis now (LAW-03). Service mail answers a request of the member's own."""
    by_purpose: dict[tuple[UUID, str], dict[UUID, str]] = defaultdict(dict)
    for row in rows:
        member = row.member
        by_purpose[member.study.key, row.purpose][row.pk] = member.code
    agreed: set[UUID] = set()
    for (study_key, purpose), code_of in by_purpose.items():
        codes = set(code_of.values())
        if purpose != Purpose.SERVICE:
            codes = consent.holding(study_key=study_key, subjects=codes, purpose=Purpose(purpose))
        agreed.update(pk for pk, code in code_of.items() if code in codes)
    return agreed


def put_off(verdicts: dict[Outgoing, Verdict], now: datetime) -> None:
    """Defers and cancels in sets; an invitation that the close overtook is counted."""
    by_verdict: dict[Verdict, list[Outgoing]] = defaultdict(list)
    for row, verdict in verdicts.items():
        if not verdict.send:
            by_verdict[verdict].append(row)
    for verdict, rows in by_verdict.items():
        held_back = Outgoing.objects.filter(pk__among=[row.pk for row in rows], state__in=NOT_BEGUN)
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
            main = (row for row in rows if row.case and row.kind == rules.MAIN_OF[row.case.wave.kind])
            overtaken = [row.case for row in main if row.case]
            waves.record_events(cases=overtaken, kind=CaseEvent.Kind.NOT_SENT, at=now)
