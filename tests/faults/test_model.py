"""Random lives of an outbox: its services in any order, dying at any statement, overlapping; and what always holds.

One process, a real mail server. A death is an exception that nothing in the product catches, at the nth SQL statement:
what was committed by then stays, what wasn't is gone. Real processes are killed in proof.py.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections, transaction

from config.settings import EMAIL_BACKEND
from panel.audit.rules import Actor
from panel.invitations import sending, services
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.members.models import PanelMember
from panel.rights.services import ask_stop
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories import fielding as f
from tests.invitations.servers import Server, mail_server

pytestmark = pytest.mark.django_db

PEOPLE, CHUNK = 8, 2
ANSWERS = ["250 OK", "250 OK", "250 OK", "break", "451 4.3.0 later", "554 5.7.1 no"]
AT_RCPT = ["250 OK", "250 OK", "250 OK", "421 4.3.2 closing", "450 4.2.0 later", "550 5.1.1 unknown"]
MINUTES = [0, 1, 6, 16, 61]


class Killed(BaseException):
    """SIGKILL as far as one process can play it: no `except Exception` holds it up."""


@contextmanager
def at_statement(number: int, happens: Callable[[], None]) -> Iterator[list[str]]:
    """Before the nth SQL statement of the block, whichever that is, something happens once."""
    said: list[str] = []

    def count(execute, sql, params, many, context):
        said.append(sql)
        if len(said) == number:
            happens()
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(count))
        yield said


def die() -> None:
    raise Killed


def in_transaction() -> bool:
    """Whether the product has one open, inside the machine's own."""
    return bool(connections["default"].savepoint_ids[1:])


class Life:
    """One wave, a few people, a broker that loses and repeats, workers that die, a server that breaks."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.dice = server, random.Random(seed)
        self.now: datetime = f.NOON
        self.broker: list[UUID] = []
        self.old: list[UUID] = []  # chunks that the broker gave out already
        self.taken: Counter[str] = Counter()
        self.said_so: Counter[str] = Counter()
        self.may_doubt: set[str] = set()
        self.stopped: dict[str, int] = {}  # letters of the wave that who stopped had got by then
        self.done: Counter[str] = Counter()
        self.longest = 20  # statements of a chunk, as far as it was seen
        server.arrived.clear()
        self.good_server()

    def live(self, acts: int) -> None:
        """So many acts; then time goes on, and nobody waits for ever."""
        names = self.dice.choices(list(ACTS), weights=list(ACTS.values()), k=acts)
        for name in ["beat_ticks", "worker_sends", *names]:
            getattr(self, name)()
            self.holds(name)
        self.good_server()
        for _day in range(12):
            self.now += timedelta(hours=13)
            self.fault()
            services.sweep_leases(now=self.now)
            f.send_all(self.now)
            self.holds("at the end")
            if not Outgoing.objects.exclude(state__in=ENDS).exists():
                return
        raise AssertionError(
            f"Some wait for ever: {Counter(Outgoing.objects.values_list('state', 'reason'))}"
        )

    # --- what happens

    def beat_ticks(self, minutes: int | None = None) -> None:
        self.now += timedelta(minutes=self.dice.choice(MINUTES) if minutes is None else minutes)
        self.fault()
        services.sweep_leases(now=self.now)
        services.queue_due(now=self.now)
        self.broker += [chunk.claim for chunk in services.dispatch(now=self.now)]

    def worker_sends(self) -> None:
        for claim in self.given():
            with at_statement(0, die) as said:
                sending.send_chunk(claim=claim, now=self.now)
            self.longest = max(self.longest, len(said))

    def worker_dies(self) -> None:
        for claim in self.given():
            with self.dying():
                sending.send_chunk(claim=claim, now=self.now)

    def worker_is_overtaken(self) -> None:
        """While it is at it time passes, leases end, a beat ticks, and its chunk is given to another."""
        for claim in self.given():

            def meanwhile(claim: UUID = claim) -> None:
                if not in_transaction():  # else the others wait until it is over
                    self.beat_ticks()
                    for other in [claim, *self.broker[-1:]]:
                        sending.send_chunk(claim=other, now=self.now)
                    self.done["overtaken"] += 1

            with at_statement(self.a_statement(), meanwhile):
                sending.send_chunk(claim=claim, now=self.now)

    def broker_repeats_itself(self) -> None:
        for claim in self.old[-3:]:
            sending.send_chunk(claim=claim, now=self.now)

    def broker_is_emptied(self) -> None:
        self.broker.clear()

    def beat_dies(self) -> None:
        act = self.dice.choice([services.queue_due, services.dispatch, services.sweep_leases])
        self.fault()
        with self.dying():
            act(now=self.now)

    def clock_jumps(self) -> None:
        self.now += timedelta(minutes=self.dice.choice([300, 61, -61]))

    def server_turns(self) -> None:
        """From now on its answers are drawn from a few."""
        rcpt, data = (self.dice.sample(answers, k=3) for answers in (AT_RCPT, ANSWERS))
        self.server.on_rcpt = lambda _recipient: self.dice.choice(rcpt)
        self.server.on_data = lambda _recipient: self.dice.choice(data)

    def good_server(self) -> None:
        self.server.on_rcpt = self.server.on_data = lambda _recipient: "250 OK"

    def person_decides(self) -> None:
        doubtful = Outgoing.objects.filter(state=State.UNCONFIRMED).select_related("member__study", "case")
        for row in doubtful.order_by("member__code")[:1]:
            again, why = self.dice.random() < 0.5, "Tried it."
            services.decide_unconfirmed(by=f.SIGNE, row=row, send_again=again, reason=why, now=self.now)
            self.said_so[row.pk.hex] += again

    def member_stops(self) -> None:
        for member in (
            PanelMember.objects.filter(mail_stopped=False).select_related("study").order_by("code")[:1]
        ):
            who = Actor.member(member.code)
            ask_stop(by=who, member=member, rung="no_mail", channel="stop page", now=self.now)
            self.stopped[member.code] = self.of_wave(member)

    # --- what holds

    def holds(self, after: str) -> None:
        self.look()
        for row in Outgoing.objects.all():
            taken, again = self.taken[row.pk.hex], self.said_so[row.pk.hex]
            assert taken <= 1 + again, f"sent twice, {after}"
            if row.state == State.SENT:
                assert taken or row.reason == Reason.TAKEN_AS_SENT, f"not delivered, {after}"
            if taken and not again:
                assert row.state in {State.SENDING, State.SENT, State.UNCONFIRMED}, f"{row.state}, {after}"
            if row.state == State.UNCONFIRMED:
                assert row.pk.hex in self.may_doubt or row.reason == Reason.LINE_BROKE, f"in doubt, {after}"
        for member in PanelMember.objects.filter(code__in=self.stopped):
            assert self.of_wave(member) == self.stopped[member.code], f"LAW-07, {after}"
        self.each_contact_counts_once()

    def each_contact_counts_once(self) -> None:
        invited = CaseEvent.objects.filter(kind=CaseEvent.Kind.INVITED)
        cases = Counter(invited.values_list("case", flat=True))
        assert set(cases.values()) <= {1}
        sent = Outgoing.objects.filter(state=State.SENT, kind=LetterKind.INVITATION)
        assert set(cases) == set(sent.values_list("case", flat=True))

    # --- helpers

    def given(self) -> list[UUID]:
        """The broker's next chunk, if it has one."""
        self.old += self.broker[:1]
        return [self.broker.pop(0)] if self.broker else []

    def a_statement(self) -> int:
        """Any of those that a chunk takes, and oftener one of the last, when its letters are on their way."""
        first = 1 if self.dice.random() < 0.4 else max(1, self.longest - 15)
        return self.dice.randint(first, self.longest)

    @contextmanager
    def dying(self) -> Iterator[None]:
        try:
            with at_statement(self.a_statement(), die):
                yield
        except Killed:
            self.fault()
            self.done["killed"] += 1

    def fault(self) -> None:
        """What is being sent now may come into doubt."""
        sending = Outgoing.objects.filter(state=State.SENDING)
        self.may_doubt |= {pk.hex for pk in sending.values_list("pk", flat=True)}

    def look(self) -> None:
        for letter in self.server.arrived[self.taken.total() :]:
            self.taken[str(letter["Message-ID"]).strip("<>").partition("@")[0]] += 1

    def of_wave(self, member: PanelMember) -> int:
        self.look()
        rows = Outgoing.objects.filter(member=member).exclude(case=None)
        return sum(self.taken[pk.hex] for pk in rows.values_list("pk", flat=True))


ENDS = (State.SENT, State.FAILED, State.CANCELLED, State.UNCONFIRMED)
#: How often each comes, beside the others.
ACTS = {
    "beat_ticks": 5,
    "worker_sends": 3,
    "worker_dies": 5,
    "worker_is_overtaken": 3,
    "broker_repeats_itself": 1,
    "broker_is_emptied": 1,
    "beat_dies": 1,
    "clock_jumps": 1,
    "server_turns": 2,
    "good_server": 1,
    "person_decides": 2,
    "member_stops": 1,
}
#: LIVES=500 lives longer than the suite has time for.
LIVES = int(os.environ.get("LIVES", "12"))


def test_whatever_happens_in_whatever_order_no_letter_goes_twice_and_none_is_lost(db, settings):
    settings.MAIL_CHUNK = CHUNK
    livet = f.with_letters(f.study())
    f.people(livet, PEOPLE)
    wave = f.opened(livet)
    waves.lift_hours(by=f.LIV, wave=wave, reason="Any hour will do.", now=f.NOON)
    seen: Counter[str] = Counter()
    with mail_server() as server:
        settings.EMAIL_BACKEND = EMAIL_BACKEND
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
        for seed in range(LIVES):
            life = Life(server, seed)
            with a_world_of_its_own():
                live(life, seed)
                seen += life.done + Counter(doubtful=len(life.may_doubt), again=life.said_so.total())
    assert all(seen[what] for what in ("killed", "overtaken", "doubtful", "again")), seen


@contextmanager
def a_world_of_its_own() -> Iterator[None]:
    """Nothing of the block is kept in any database."""
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(transaction.atomic(using=alias))
            stack.callback(transaction.set_rollback, True, using=alias)
        yield


def live(life: Life, seed: int) -> None:
    try:
        life.live(acts=25)
    except AssertionError as error:
        error.add_note(f"It was life {seed}.")
        raise
