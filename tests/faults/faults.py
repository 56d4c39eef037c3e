"""Each fault, as it is brought about from outside: signals, locks, servers that stop, clocks that jump.

Nothing in the product knows of it. What must hold afterwards stands in proof.py.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable
from datetime import timedelta

from panel.invitations.rules import State
from tests.faults.mailserver import Trouble
from tests.faults.proof import Proof

HOUR = timedelta(hours=1)
#: Shares of the letters that meet each trouble.
MIXED: dict[str, float] = {
    Trouble.SLOW: 0.004,
    Trouble.HANG_UP: 0.01,
    Trouble.BREAK_IN_DATA: 0.01,
    Trouble.BREAK_AFTER: 0.01,
    Trouble.CLOSING: 0.01,
    Trouble.BUSY: 0.02,
    Trouble.LOCAL: 0.02,
    Trouble.FULL_DISK: 0.02,
    Trouble.LATER_AFTER_DATA: 0.02,
    Trouble.NO_MAILBOX: 0.02,
    Trouble.MAILBOX_FULL: 0.02,
    Trouble.POLICY: 0.01,
}


def mail_server(proof: Proof) -> None:
    """Slow, breaking before and after accepting, 4xx, 5xx; and for a while it can't be reached at all."""
    proof.bed.mail.plan(MIXED, seed=proof.seed)
    proof.open()
    proof.until_taken(1 / 4)
    with proof.fault():
        _unreachable(proof)
    proof.quiet()


def none(proof: Proof) -> None:
    """Nothing goes wrong: all is delivered, nothing is in doubt."""
    proof.open()
    proof.quiet()


# --- SIGKILL at each step


def killed_when_claimed(proof: Proof) -> None:
    """Claims are committed and Redis stands still: hardly one reached the broker."""
    proof.open()
    proof.until(lambda: proof.states()[State.CLAIMED])
    redis = proof.bed.servers["redis"].pid
    os.kill(redis, signal.SIGSTOP)
    with proof.fault():
        time.sleep(0.5)
        proof.crew.kill(*proof.crew.workers)
        os.kill(redis, signal.SIGCONT)
    proof.until(lambda: proof.states()[State.CLAIMED], seconds=5)


def killed_when_enqueued(proof: Proof) -> None:
    """Chunks wait in the broker; nobody is left to take them."""
    proof.bed.mail.plan(seconds=0.05)
    proof.open()
    with proof.bed.redis() as redis:
        proof.until(lambda: redis.llen("letters"))
        with proof.fault():
            proof.crew.kill(*proof.crew.workers)
        assert redis.llen("letters")


#: Where in its talk with the mail server a worker is held, and what it has done by then.
GATES = {
    "greeting": "sending, not begun",
    "content": "content given",
    "taken": "taken, no answer",
    "mail": "marked",
}


def killed_at(gate: str) -> Callable[[Proof], None]:
    """All workers die while one of them stands at this point of its talk with the mail server."""

    def kill(proof: Proof) -> None:
        after = proof.dice.randint(2, 30)
        proof.bed.mail.give(gate=gate, after=1 if gate == "greeting" else after)
        proof.open()
        proof.until(lambda: proof.bed.mail.give()["held"])
        with proof.fault():
            proof.crew.kill(*proof.crew.workers)
            assert proof.states()[State.SENDING]
        proof.bed.mail.give(open=True)

    return kill


def killed_before_marking(proof: Proof) -> None:
    """The mail server has said yes, and the worker that heard it can't write it down before it dies."""
    proof.bed.mail.give(gate="taken", after=proof.dice.randint(2, 30))
    proof.open()
    proof.until(lambda: proof.bed.mail.give()["held"])
    with proof.fault():
        with proof.database_locked():
            proof.bed.mail.give(open=True)
            time.sleep(0.3)
            proof.crew.kill(*proof.crew.workers)
        assert proof.states()[State.SENDING]


def killed_at_each_step(proof: Proof) -> None:
    """One wave through all of that: after each death time passes, and what can go on does; then a person decides."""
    for step in (killed_when_claimed, killed_when_enqueued, *map(killed_at, GATES), killed_before_marking):
        step(proof)
        proof.bed.mail.plan()
        proof.bed.clock.move(timedelta(minutes=16))
    proof.settle()
    proof.decide()


def killed_again_and_again(proof: Proof) -> None:
    """Now one worker, now only the process that works for it, at any moment."""
    proof.bed.mail.plan(seconds=0.01)
    proof.open()
    proof.until(lambda: proof.taken())
    for _ in range(kills(proof)):
        with proof.fault():
            proof.dice.choice([_one_dies, _hand_dies])(proof)
        proof.crew.tend()
        time.sleep(proof.dice.uniform(0, 1.5))
        if not proof.waiting():
            return


def kills(proof: Proof) -> int:
    return min(3 + proof.letters // 400, 25)


def renewed(proof: Proof) -> None:
    """All workers are told to end in the middle, and new ones are started: nothing comes into doubt by that."""
    proof.bed.mail.plan(seconds=0.02)
    proof.open()
    proof.until_taken(1 / 10)
    proof.crew.renew()


def frozen(proof: Proof) -> None:
    """A worker stands still past all leases while the others go on, and then wakes."""
    proof.bed.mail.plan(seconds=0.02)
    proof.open()
    proof.until_taken(1 / 10)
    name = proof.crew.workers[0]
    with proof.fault():
        proof.crew.freeze(name)
        proof.bed.clock.move(HOUR)
        time.sleep(4)
        proof.crew.thaw(name)


# --- what the workers stand on


def redis(proof: Proof) -> None:
    """Stopped and started with what it had, emptied, killed and started with nothing."""
    proof.bed.mail.plan(seconds=0.01)
    proof.open()
    bed = proof.bed
    for part, harm in enumerate((_stopped, _emptied, _lost), start=1):
        proof.until_taken(part / 5)
        with proof.fault():
            harm(proof)
        proof.until(lambda: bed.redis().ping())


def _stopped(proof: Proof) -> None:
    proof.bed.stop("redis")
    time.sleep(1)
    proof.bed.start_redis()


def _emptied(proof: Proof) -> None:
    with proof.bed.redis() as redis:
        redis.flushall()


def _lost(proof: Proof) -> None:
    proof.bed.stop("redis", signal.SIGKILL)
    shutil.rmtree(proof.bed.folder / "redis")
    time.sleep(1)
    proof.bed.start_redis()


def postgres(proof: Proof) -> None:
    """Restarted as for an update, and once more by a crash."""
    proof.bed.mail.plan(seconds=0.01)
    proof.open()
    for part, signum in enumerate((signal.SIGINT, signal.SIGQUIT), start=1):
        proof.until_taken(part / 4)
        with proof.fault():
            _restarted(proof, signum)


def _restarted(proof: Proof, signum: int) -> None:
    proof.bed.stop("postgres", signum)
    time.sleep(1)
    proof.bed.start_postgres()
    proof.until(lambda: proof.states())


def beats(proof: Proof) -> None:
    """Three beats at once, and everything is asked for several times over."""
    proof.crew.beats = ["b0", "b1", "b2"]
    proof.crew.tend()
    proof.open()
    proof.quiet()
    proof.crew.beats = ["b0"]
    proof.crew.tend()


# --- clocks


def clock_ahead(proof: Proof) -> None:
    """An hour ahead in the middle, and it stays so."""
    _jump(proof, HOUR)


def clock_back(proof: Proof) -> None:
    """An hour back in the middle, and it stays so: nothing goes until the time was reached again."""
    _jump(proof, -HOUR)


def _jump(proof: Proof, by: timedelta) -> None:
    proof.bed.mail.plan(seconds=0.01)
    proof.open()
    proof.until_taken(1 / 4)
    with proof.fault():
        proof.bed.clock.move(by)
        time.sleep(2)


def clock_of_one(proof: Proof) -> None:
    """One machine's clock is an hour ahead, and is put right again."""
    bed, crew = proof.bed, proof.crew
    bed.mail.plan(seconds=0.01)
    bed.second_clock.ahead = bed.clock.ahead
    crew.apart = {crew.workers[-1]}
    crew.kill(crew.workers[-1])
    crew.tend()
    proof.open()
    proof.until_taken(1 / 4)
    with proof.fault():
        bed.second_clock.move(HOUR)
        time.sleep(6)
        bed.second_clock.ahead = bed.clock.ahead
    crew.apart = set()
    crew.kill(crew.workers[-1])
    crew.tend()


# --- and all of it


def everything(proof: Proof) -> None:
    """A bad mail server, three beats, and one harm after the other in any order; at the end the clock goes back."""
    proof.bed.mail.plan(MIXED, seed=proof.seed + 1, seconds=0.01)
    proof.crew.beats = ["b0", "b1", "b2"]
    harms: list[Callable[[Proof], None]] = [_stopped, _emptied, _lost, _unreachable, _ahead]
    harms += [_one_dies, _hand_dies] * (kills(proof) // 2)
    if proof.bed.kind == "postgres":
        harms += [
            lambda proof: _restarted(proof, signal.SIGINT),
            lambda proof: _restarted(proof, signal.SIGQUIT),
        ]
    proof.dice.shuffle(harms)
    proof.open()
    proof.until(lambda: proof.taken())
    for harm in [*harms, _back]:
        with proof.fault():
            harm(proof)
        proof.crew.tend()
        time.sleep(proof.dice.uniform(0, 1.5))
    proof.crew.beats = ["b0"]


def _unreachable(proof: Proof) -> None:
    proof.bed.mail.give(listen=False)
    time.sleep(1)
    proof.bed.mail.give(listen=True)


def _one_dies(proof: Proof) -> None:
    proof.crew.kill(proof.dice.choice(proof.crew.workers))


def _hand_dies(proof: Proof) -> None:
    proof.crew.kill_hand(proof.dice.choice(proof.crew.workers))


def _ahead(proof: Proof) -> None:
    proof.bed.clock.move(HOUR)


def _back(proof: Proof) -> None:
    proof.bed.clock.move(-HOUR)


FAULTS: dict[str, Callable[[Proof], None]] = {
    "none": none,
    "mail server": mail_server,
    "killed: claimed": killed_when_claimed,
    "killed: enqueued": killed_when_enqueued,
    **{f"killed: {done}": killed_at(gate) for gate, done in GATES.items()},
    "killed: taken, not marked": killed_before_marking,
    "killed: at each step": killed_at_each_step,
    "killed: again and again": killed_again_and_again,
    "workers renewed": renewed,
    "a worker frozen": frozen,
    "redis": redis,
    "postgres": postgres,
    "beats": beats,
    "clock: ahead": clock_ahead,
    "clock: back": clock_back,
    "clock: of one machine": clock_of_one,
    "everything": everything,
}
