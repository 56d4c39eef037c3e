"""The proof: a wave under a fault, time that passes until nothing waits, and what must then hold for each letter.

Delivered once, or refused by the mail server for good, or in `unconfirmed` and in `sending` at the fault; none twice
unless a person said so. A trigger of the test's own keeps each change of state, so that this is read from the database
and not from the code. The faults stand in faults.py.
"""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from django.db import DatabaseError, connection, connections
from redis.exceptions import RedisError

from panel.invitations import pauses
from panel.invitations import services as outbox
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import LIVE, TRANSITIONS, UNDER_WAY, WAITING, Reason, State
from panel.members.models import SilentDay
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent
from tests.factories import fielding as f
from tests.faults.beds import Bed
from tests.faults.crew import Crew
from tests.faults.mailserver import DOUBTFUL, TAKEN, Noted, Trouble

REFUSED = {Trouble.NO_MAILBOX, Trouble.MAILBOX_FULL, Trouble.POLICY}
#: So long nothing moves when nothing is left to do; beat ticks each second.
QUIET = 1.6
#: Tasks that one beat gives out each second, about.
TICK = 14
KEEP_MOVES = {
    "sqlite": [
        "CREATE TABLE proof_moves (letter text, was text, became text, at double precision)",
        """CREATE TRIGGER proof_moves AFTER UPDATE ON invitations_outgoing WHEN OLD.state <> NEW.state BEGIN
        INSERT INTO proof_moves VALUES (NEW.id, OLD.state, NEW.state, (julianday('now') - 2440587.5) * 86400.0); END""",
    ],
    "postgresql": [
        "CREATE TABLE proof_moves (letter text, was text, became text, at double precision)",
        """CREATE FUNCTION proof_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO proof_moves
        VALUES (replace(NEW.id::text, '-', ''), OLD.state, NEW.state, extract(epoch from clock_timestamp()));
        RETURN NULL; END $$""",
        """CREATE TRIGGER proof_moves AFTER UPDATE ON invitations_outgoing FOR EACH ROW
        WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION proof_move()""",
    ],
}


class NotYet(AssertionError):
    """What was waited for did not come."""


@dataclass(frozen=True)
class Move:
    """One change of a letter's state, as the database saw it."""

    was: str
    became: str
    at: float


@dataclass
class Result:
    """A line of the table; `wrong` says in words what did not hold."""

    fault: str
    letters: int
    delivered: int = 0
    refused: int = 0
    waited: int = 0
    unconfirmed: int = 0
    again: int = 0
    twice: int = 0
    lost: int = 0
    restarts: int = 0
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class Proof:
    """One bed with its crew, for one fault after the other; each has a wave and people of its own."""

    def __init__(self, bed: Bed, crew: Crew, letters: int, seed: int) -> None:
        self.bed, self.crew, self.letters, self.seed = bed, crew, letters, seed
        self.dice = random.Random(seed)
        self.going = False
        self.faults: list[tuple[float, float]] = []  # from when to when
        self.said_so: set[str] = set()  # letters a person sends again
        self.rounds = count()
        self.recipients: dict[UUID, str] = {}
        self.noted: list[Noted] = []

    def keep_moves(self) -> None:
        """Once, on empty tables."""
        with connection.cursor() as cursor:
            for statement in KEEP_MOVES[connection.vendor]:
                cursor.execute(statement)

    def run(self, name: str, fault: "Callable[[Proof], None]") -> Result:
        """A new wave, the fault, the time after it, and the verdict."""
        began = time.monotonic()
        self.prepare()
        result = Result(name, self.letters)
        try:
            fault(self)
            result.waited = self.waiting()
            self.settle()
        except NotYet as error:
            result.wrong.append(str(error))
        self.judge(result)
        result.seconds = round(time.monotonic() - began, 1)
        return result

    def prepare(self) -> None:
        """A study with so many people who are about to get a letter; what was before has long ended."""
        turn = next(self.rounds)
        self.bed.mail.plan()
        self.bed.mail.give(open=True, listen=True)
        self.bed.clock.move(timedelta(days=40))
        study = f.with_letters(f.study(f"proof{turn}"))
        people = f.people(study, self.letters, start=turn * self.letters)
        self.recipients = {one.pk: f"m{turn * self.letters + n}@example.org" for n, one in enumerate(people)}
        now = self.bed.clock.now()
        opens, closes = now - timedelta(hours=1), now + timedelta(days=30)
        self.wave = f.planned(study, reminder_days=[], opens_at=opens, closes_at=closes)
        waves.lift_hours(by=f.LIV, wave=self.wave, reason="The proof runs at any hour.", now=now)
        SilentDay.objects.filter(study=study).delete()  # and on any day
        self.going = False
        self.faults, self.said_so, self.noted = [], set(), []
        self.bed.mail.noted()

    def open(self) -> None:
        """From here on letters go, if they don't yet."""
        if self.going:
            return
        self.going, now = True, self.bed.clock.now()
        if (here := pauses.of_all()) is not None:  # of the fault before
            pauses.lift(by=f.LIV, pause=here, study=self.wave.study, now=now)
        waves.approve_wave(by=f.LIV, wave=self.wave, now=now)

    # --- what is seen from outside

    def rows(self):
        return Outgoing.objects.filter(case__wave=self.wave)

    def states(self) -> Counter[str]:
        return Counter(self.rows().order_by().values_list("state", flat=True))

    def waiting(self) -> int:
        states = self.states()
        return self.letters - sum(states.values()) + sum(states[state] for state in UNDER_WAY)

    def taken(self) -> int:
        """How many letters of this wave the mail server took by now."""
        self.noted += self.bed.mail.noted()
        return sum(one.what == TAKEN for one in self.noted)

    def until(self, true: Callable[[], object], seconds: float = 120, *, tend: bool = True) -> None:
        """Wait for it, with a supervisor's eye on the crew; a database that is away is no answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if tend:
                self.crew.tend()
            try:
                if true():
                    return
            except (DatabaseError, RedisError):
                connections.close_all()
            time.sleep(0.05)
        raise NotYet(f"It did not come true in {seconds} s. The letters: {dict(self.states())}")

    @contextmanager
    def fault(self) -> Iterator[None]:
        """What is done in here, and a moment longer: commits that were on their way still arrive."""
        began = time.time()
        try:
            yield
        finally:
            time.sleep(0.5)
            self.faults.append((began, time.time()))

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Nobody changes a letter within the block; who waited for that and is dead by its end does so no more."""
        with connection.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE invitations_outgoing IN SHARE MODE")
            yield
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                )
            cursor.execute("COMMIT")

    # --- time passes

    def quiet(self) -> None:
        """Until nothing moves: no chunk waits or is in a worker's hand, no line is open, no row changes."""
        seen, since = None, time.monotonic()

        def still() -> bool:
            nonlocal seen, since
            time.sleep(0.2)
            now = (self.states(), self.bed.mail.give()["said"])
            if now != seen or self._busy():
                seen, since = now, time.monotonic()
            return time.monotonic() - since > QUIET or not self.waiting()

        self.until(still, seconds=600)

    def _busy(self) -> bool:
        with self.bed.redis() as redis:
            in_hand = any(b".send_chunk" in message for message in redis.hvals("unacked"))
            behind = redis.llen("default") > TICK * len(
                self.crew.beats
            )  # beat's tasks wait: nobody has looked yet
            return bool(in_hand or behind or redis.llen("letters") or self.bed.mail.give()["lines"])

    def until_taken(self, share: float) -> None:
        """Until that share of the letters is delivered; where it stops before, leases and pauses end meanwhile."""
        while self.waiting():
            said = self.bed.mail.give()["said"]
            with suppress(NotYet):
                return self.until(
                    lambda: self.taken() > share * self.letters or not self.waiting(), seconds=8
                )
            if said == self.bed.mail.give()["said"]:
                self.bed.clock.move(timedelta(minutes=16))

    def settle(self) -> None:
        """Time goes on until no letter waits, at most some days: what is due later becomes due."""
        self.quiet()
        passed, stalled = timedelta(), timedelta(minutes=10)
        while self.waiting():
            now = self.bed.clock.now()
            before = self.waiting()
            step = self.next_moment(now) or stalled
            passed += step
            if passed > timedelta(days=12):
                raise NotYet(f"After {passed} letters still wait: {self.why_waiting()}")
            self.bed.clock.move(step + timedelta(seconds=1))
            self.quiet()
            stalled = timedelta(minutes=10) if self.waiting() < before else stalled * 1.5

    def next_moment(self, now: datetime) -> timedelta | None:
        """Until the last that waits for its time is due; None while some are due and wait for something else."""
        live = self.rows().filter(state__in=UNDER_WAY)
        if live.filter(state__in=WAITING, due_at__lte=now).exists():
            return None
        moments = [at for pair in live.values_list("due_at", "lease_until") for at in pair if at and at > now]
        return max(moments) - now if moments else None

    def why_waiting(self) -> dict[str, int]:
        waiting = self.rows().filter(state__in=LIVE).values_list("state", "reason")
        return {" ".join(pair): number for pair, number in Counter(waiting).items()}

    def decide(self) -> None:
        """A person at the desk sends every second doubtful letter again, and takes the others as sent."""
        doubtful = self.rows().filter(state=State.UNCONFIRMED).select_related("member__study", "case__wave")
        for number, row in enumerate(doubtful.order_by("pk")[:20]):
            send_again = number % 2 == 0
            if send_again:
                self.said_so.add(row.pk.hex)
            outbox.decide_unconfirmed(
                by=f.SIGNE, row=row, send_again=send_again, reason="Tried it.", now=self.bed.clock.now()
            )
        self.settle()

    # --- the verdict

    def judge(self, result: Result) -> None:
        """Holds each letter against what the mail server noted and how its row came to where it is."""
        self.noted += self.bed.mail.noted()
        taken = Counter(one.letter for one in self.noted if one.what == TAKEN)
        met: dict[str, set[str]] = defaultdict(set)
        for one in self.noted:
            met[one.to].add(one.what)
        moves, wrong = self._moves(), Counter[str]()
        rows = list(self.rows().select_related("member").order_by("pk"))
        for row in rows:
            path = moves[row.pk.hex]
            wrong.update(_strange(path))
            if fault := self._fault_of(row, taken[row.pk.hex], met[self.recipients[row.member_id]], path):
                wrong[fault] += 1
                result.lost += 1
        wrong.update(self._whole(rows, taken))
        states = Counter(row.state for row in rows)
        result.delivered = sum(1 for row in rows if taken[row.pk.hex])
        result.refused, result.unconfirmed = states[State.FAILED], states[State.UNCONFIRMED]
        result.again = len(self.said_so)
        result.twice = sum(taken[row.pk.hex] > 1 + (row.pk.hex in self.said_so) for row in rows)
        result.lost += len(self.recipients) - len({row.member_id for row in rows})
        result.wrong += [f"{what}: {number}" for what, number in wrong.items()]

    def _fault_of(self, row: Outgoing, taken: int, met: set[str], path: Sequence[Move]) -> str:
        """Why this letter is not as it must be; empty where it is."""
        if row.state == State.SENT:
            return "" if taken or row.reason == Reason.TAKEN_AS_SENT else "sent, but not delivered"
        if row.state == State.FAILED:
            refused = not taken and met & REFUSED
            return "" if refused else f"failed ({row.reason}) though the server did not refuse it"
        if row.state == State.UNCONFIRMED:
            known = met & DOUBTFUL or self._sending_at_a_fault(path)
            return "" if known else f"in doubt ({row.reason}) without a fault"
        return f"ends as {row.state} ({row.reason})"

    def _sending_at_a_fault(self, path: Sequence[Move]) -> bool:
        left = next((move.at for move in reversed(path) if move.became == State.UNCONFIRMED), 0)
        since = next(
            (move.at for move in reversed(path) if move.became == State.SENDING and move.at <= left), None
        )
        return since is not None and any(since <= to and left >= begun for begun, to in self.faults)

    def _moves(self) -> dict[str, list[Move]]:
        mine = {pk.hex for pk in self.rows().values_list("pk", flat=True)}
        moves: dict[str, list[Move]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute("SELECT letter, was, became, at FROM proof_moves ORDER BY at")
            for letter, *move in cursor.fetchall():
                if letter in mine:
                    moves[letter].append(Move(*move))
            cursor.execute("DELETE FROM proof_moves")
        return moves

    def _whole(self, rows: Sequence[Outgoing], taken: Counter[str]) -> Iterator[str]:
        """What must hold of all of them together."""
        if {row.kind for row in rows} != {LetterKind.INVITATION} or len(rows) != self.letters:
            yield f"{len(rows)} rows for {self.letters} letters"
        if Case.objects.filter(wave=self.wave).count() != self.letters:
            yield "cases are missing"
        invited = CaseEvent.objects.filter(case__wave=self.wave, kind=CaseEvent.Kind.INVITED).count()
        if invited != sum(row.state == State.SENT for row in rows):
            yield "sent letters and their events differ"
        if strangers := set(taken) - {row.pk.hex for row in rows}:
            yield f"{len(strangers)} letters without a row"
        if not self.crew.all_answer():
            yield "a worker hears no more"


def _strange(path: Sequence[Move]) -> Iterator[str]:
    """Changes that the table of states doesn't know."""
    for move in path:
        if move.became not in TRANSITIONS[State(move.was)]:
            yield f"{move.was} became {move.became}"
