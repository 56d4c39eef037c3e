"""The life of an outbox row, and whether a letter may go now. Pure: takes `now` and facts, returns values.

Not here: which rows are looked at and when (services.py), what a letter says (letters.py).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import Q

from consent.models import Purpose
from panel.invitations import limits
from panel.invitations.limits import OSLO as OSLO
from panel.invitations.limits import Burden
from panel.invitations.limits import local_day as local_day
from panel.invitations.models import LetterKind, Outgoing
from panel.members.models import PanelMember
from panel.waves import plans
from panel.waves import rules as waves
from panel.waves.models import CaseEvent, Wave
from panel.waves.plans import Condition, StepKind

State = Outgoing.State

#: The whole life of a row; docs/states.md is made from it.
TRANSITIONS: dict[State, frozenset[State]] = {
    # Deferred before anybody claimed it: sending is paused, its study isn't ready, or the day's quota is used up.
    State.QUEUED: frozenset({State.CLAIMED, State.DEFERRED, State.CANCELLED}),
    State.DEFERRED: frozenset({State.CLAIMED, State.CANCELLED}),
    # Back to queued: its worker died before it took them up.
    State.CLAIMED: frozenset({State.READY, State.DEFERRED, State.CANCELLED, State.FAILED, State.QUEUED}),
    # Back to queued: it was never handed over, since its worker died or its check had become too old.
    State.READY: frozenset({State.SENDING, State.DEFERRED, State.QUEUED}),
    # Back to queued: its worker put it back untouched, for the same reason.
    State.SENDING: frozenset({State.SENT, State.DEFERRED, State.FAILED, State.UNCONFIRMED, State.QUEUED}),
    # Sent: a slow worker after all, or a person takes it as sent. Queued: a person sends again.
    State.UNCONFIRMED: frozenset({State.SENT, State.DEFERRED, State.FAILED, State.QUEUED}),
    # A member who takes a stop back gets the letter that the stop held up.
    State.CANCELLED: frozenset({State.QUEUED}),
    State.SENT: frozenset(),
    # A person has it tried again: the fault was ours, or is over.
    State.FAILED: frozenset({State.QUEUED}),
}

#: A claimed chunk waits in the broker; what is lost there is claimed again after this.
CLAIM_LEASE = timedelta(minutes=15)
#: At most so many rows wait in the broker, so that a slow mail server makes the database wait, not the
#: broker.
CLAIMED_MAX = 100_000
#: How long a check counts: then the unsent rest of a chunk goes back and is checked again (LAW-07: within a
#: minute).
CHECK_HOLDS = timedelta(seconds=30)
#: How much longer a letter that was begun in time may wait for a slow server to take its content.
LAST_LETTER = timedelta(seconds=20)
#: Longer than CHECK_HOLDS and the last letter's time-outs together, so that only a dead or stopped worker
#: loses it.
SENDING_LEASE = timedelta(minutes=5)
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 720, 1440))


class Reason(StrEnum):
    """Why a letter was not sent, or not yet. Codes; staff see their labels."""

    NO_CONSENT = "no_consent"
    LEFT = "left"
    STOPPED = "stopped"
    PAUSED = "paused"
    HELD = "held"
    COMPLETED = "completed"
    REFUSED = "refused"
    OUTCOME = "outcome"
    CLOSED = "closed"
    NOT_OPEN = "not_open"
    NOT_FOR_THEM = "not_for_them"
    OVERTAKEN = "overtaken"
    PLAN_CHANGED = "plan_changed"
    MOVED = "moved"
    OUTSIDE_HOURS = "outside_hours"
    SILENT_DAY = "silent_day"
    UNREACHABLE = "unreachable"
    REMINDER_CAP = "reminder_cap"
    REMINDER_GAP = "reminder_gap"
    MAIL_CAP = "mail_cap"
    WAVE_GAP = "wave_gap"
    SENDING_PAUSED = "sending_paused"
    DAILY_QUOTA = "daily_quota"
    PACED = "paced"
    STUDY_NOT_READY = "study_not_ready"
    OUT_OF_STEP = "out_of_step"
    NO_CARD = "no_card"
    TAKEN_BACK = "taken_back"
    SUPPRESSED = "suppressed"
    NO_SERVER = "no_server"
    SERVER_BUSY = "server_busy"
    GREYLISTED = "greylisted"
    TOO_FAST = "too_fast"
    MAILBOX_FULL = "mailbox_full"
    DOMAIN_SILENT = "domain_silent"
    ADDRESS_REFUSED = "address_refused"
    LETTER_REFUSED = "letter_refused"
    POLICY = "policy"
    NOT_ALLOWED = "not_allowed"
    GAVE_UP = "gave_up"
    LEASE_LOST = "lease_lost"
    LINE_BROKE = "line_broke"
    TAKEN_AS_SENT = "taken_as_sent"


#: Obeys hours, pauses and limits; every other letter answers a request or is what the law demands.
SURVEY_MAIL = frozenset(LetterKind(kind.value) for kind in StepKind)
#: What each survey letter needs a basis for when it is sent (LAW-03); all others answer a request.
PURPOSES: dict[str, Purpose] = {
    **dict.fromkeys(SURVEY_MAIL, Purpose.WAVES),
    LetterKind.KEEP_IN_TOUCH: Purpose.KEEP_IN_TOUCH,
    LetterKind.INTERVIEW_REQUEST: Purpose.INTERVIEW,
}
#: Count towards the cap on reminders.
REMINDERS = frozenset(LetterKind(kind.value) for kind in plans.REMINDERS)
#: What each survey letter leaves in its case when it was sent.
EVENTS: dict[str, CaseEvent.Kind] = {
    LetterKind.PRE_NOTIFICATION: CaseEvent.Kind.PRE_NOTIFIED,
    LetterKind.INVITATION: CaseEvent.Kind.INVITED,
    LetterKind.REMINDER: CaseEvent.Kind.REMINDED,
    LetterKind.CONTINUE: CaseEvent.Kind.CONTINUED,
    LetterKind.THANKS: CaseEvent.Kind.THANKED,
    LetterKind.KEEP_IN_TOUCH: CaseEvent.Kind.KEPT_IN_TOUCH,
    LetterKind.INTERVIEW_REQUEST: CaseEvent.Kind.ASKED_INTERVIEW,
}
#: Once everything is to be deleted only these go: what was done, or asked, in the member's name (LAW-06).
DONE_IN_THEIR_NAME = frozenset({LetterKind.RECEIPT, LetterKind.ADDRESS_NOTICE})
#: What nobody asked for: it goes to who is in the study only; the first two to who wants letters only (NEV-11).
UNASKED = frozenset({LetterKind.RECONSENT, LetterKind.RESULT, LetterKind.NOTICE})
WANTED = UNASKED - {LetterKind.NOTICE}
#: Rows of these states may still lead to a letter.
LIVE = frozenset(State) - {State.SENT, State.FAILED, State.CANCELLED}
#: Rows that wait or are being sent right now.
UNDER_WAY = LIVE - {State.UNCONFIRMED}
#: Rows that wait for their time.
WAITING = frozenset({State.QUEUED, State.DEFERRED})
#: LIVE as a condition; in two parts, for each has an index of its own.
ALIVE = Q(state__in=WAITING) | Q(state__in=LIVE - WAITING)
#: Cancelled by what the plan said then: due again once it fits, as by a changed plan.
BY_PLAN = frozenset({Reason.NOT_FOR_THEM, Reason.PLAN_CHANGED})
#: A wave's main letter; the member who never got it was not asked.
MAIN_OF = {kind: LetterKind(steps[0].value) for kind, steps in waves.STEPS.items()}
#: Of these, who has completed gets some all the same.
AFTER_COMPLETION = frozenset({LetterKind.THANKS, LetterKind.KEEP_IN_TOUCH})
#: Stops that the member can take back while the wave is open.
REVERSIBLE = frozenset({Reason.NO_CONSENT, Reason.LEFT, Reason.STOPPED})
#: Put off by a limit until a moment that was worked out; looked at again when what the limit hangs on changes.
BY_LIMIT = frozenset(Reason(limit.value) for limit in limits.Limit)
#: What a try at handing over came to, when it was not a plain yes.
ERRORS = frozenset(
    {
        Reason.NO_SERVER, Reason.SERVER_BUSY, Reason.GREYLISTED, Reason.TOO_FAST, Reason.MAILBOX_FULL,
        Reason.DOMAIN_SILENT, Reason.ADDRESS_REFUSED, Reason.LETTER_REFUSED, Reason.POLICY, Reason.NOT_ALLOWED,
        Reason.GAVE_UP, Reason.LINE_BROKE,
    }
)  # fmt: skip
#: Failures that may be over by now, so that a person can have the letter tried again.
WORTH_ANOTHER_TRY = frozenset(
    {
        Reason.LETTER_REFUSED, Reason.POLICY, Reason.NOT_ALLOWED, Reason.GAVE_UP, Reason.NO_CARD,
        Reason.ADDRESS_REFUSED,
    }
)  # fmt: skip
#: Events after which a case gets no further letter, and the reason that its letters are cancelled with.
OVER = {
    CaseEvent.Kind.COMPLETED: Reason.COMPLETED,
    CaseEvent.Kind.REFUSED: Reason.REFUSED,
    CaseEvent.Kind.WITHDREW: Reason.REFUSED,
    CaseEvent.Kind.ELIGIBILITY_LOST: Reason.OUTCOME,
    CaseEvent.Kind.DIED: Reason.OUTCOME,
    CaseEvent.Kind.LANGUAGE: Reason.OUTCOME,
    CaseEvent.Kind.UNABLE: Reason.OUTCOME,
}


@dataclass(frozen=True)
class Facts:
    """All that decides on one letter, read just now."""

    kind: str
    agreed: bool
    status: str
    stopped: bool = False
    paused_until: date | None = None
    held: bool = False
    unreachable: bool = False
    wave_status: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    case_kinds: Collection[str] = ()
    #: Whom the plan's step is for; None: the plan has none like it now.
    to: Condition | None = Condition.EVERYBODY
    reminders_sent: int = 0
    paused: bool = False
    burden: Burden = field(default_factory=Burden)


@dataclass(frozen=True)
class Verdict:
    """Send; or defer until a time; or, where `until` is None and a reason stands, never."""

    reason: Reason | None = None
    until: datetime | None = None

    @property
    def send(self) -> bool:
        return self.reason is None


SEND = Verdict()


def may_send(facts: Facts, now: datetime) -> Verdict:
    """Whether this letter may go now. Having left Norway is not among the facts (RES-05)."""
    if not facts.agreed:
        return Verdict(Reason.NO_CONSENT)
    if facts.kind not in SURVEY_MAIL:  # service mail: at any hour, limits and pauses don't count
        return _service(facts)
    return (
        _stopped_by_member(facts, now)
        or _stopped_by_wave(facts, now)
        or _over_a_limit(facts, now)
        or (Verdict(Reason.SENDING_PAUSED, until=now) if facts.paused else SEND)
    )


def _service(facts: Facts) -> Verdict:
    """What was queued before somebody left, or asked for deletion, is looked at again when it would go."""
    if facts.status == PanelMember.Status.DELETING and facts.kind not in DONE_IN_THEIR_NAME:
        return Verdict(Reason.LEFT)
    if facts.kind in UNASKED and facts.status != PanelMember.Status.ACTIVE:
        return Verdict(Reason.LEFT)
    if facts.kind in WANTED and facts.stopped:
        return Verdict(Reason.STOPPED)
    return Verdict(Reason.HELD) if facts.kind in WANTED and facts.held else SEND


def _stopped_by_member(facts: Facts, now: datetime) -> Verdict | None:
    """What the member asked for. A reason that ends by itself or can be mended defers, the others cancel."""
    if facts.status != PanelMember.Status.ACTIVE:
        return Verdict(Reason.LEFT)
    if facts.stopped:
        return Verdict(Reason.STOPPED)
    if facts.held:
        return Verdict(Reason.HELD, until=morning(local_day(now) + timedelta(days=1)))
    if facts.paused_until and local_day(now) < facts.paused_until:
        return Verdict(Reason.PAUSED, until=morning(facts.paused_until))
    if facts.unreachable:
        return Verdict(Reason.UNREACHABLE, until=morning(local_day(now) + timedelta(days=1)))
    return None


def _stopped_by_wave(facts: Facts, now: datetime) -> Verdict | None:
    over = next((reason for kind, reason in OVER.items() if kind in facts.case_kinds), None)
    if over and not (facts.kind in AFTER_COMPLETION and over == Reason.COMPLETED):
        return Verdict(over)
    if facts.to is None:
        return Verdict(Reason.PLAN_CHANGED)
    if not plans.holds(facts.to, facts.case_kinds):
        return Verdict(Reason.NOT_FOR_THEM)
    if facts.kind == LetterKind.PRE_NOTIFICATION and facts.wave_status == Wave.Status.OPEN:
        return Verdict(Reason.OVERTAKEN)
    if facts.wave_status == Wave.Status.CLOSED or (facts.closes_at and facts.closes_at <= now):
        return Verdict(Reason.CLOSED)
    if facts.wave_status != Wave.Status.OPEN and facts.kind != LetterKind.PRE_NOTIFICATION:
        opening = facts.opens_at if facts.opens_at and facts.opens_at > now else now + RETRIES[0]
        return Verdict(Reason.NOT_OPEN, until=opening)
    return None


def _over_a_limit(facts: Facts, now: datetime) -> Verdict | None:
    """One reminder too many never goes; all else goes at the first moment that fits every limit."""
    if facts.kind in REMINDERS and facts.reminders_sent >= facts.burden.numbers.reminders_max:
        return Verdict(Reason.REMINDER_CAP)
    limit = limits.in_the_way(facts.burden, now)
    return Verdict(Reason(limit.value), until=limits.first_fit(facts.burden, now)) if limit else None


def morning(day: date) -> datetime:
    """When letters begin to go on that day."""
    return limits.USUAL.opening(day)


def retry_at(attempts: int, now: datetime) -> datetime:
    """When to try again after the server said "later"; longer each time, a day at most."""
    return now + RETRIES[min(attempts, len(RETRIES)) - 1]
