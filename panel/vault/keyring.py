"""What is done with the keys as a whole, each with its audit rows: made, rotated, re-wrapped, destroyed.

The work itself is panel/keys/rotation.py; audit stands above keys, so the two meet here. A row is committed
before the work begins and another when it is done: who kills it in between leaves the first.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import localdate

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.keys import rotation, services
from panel.vault import renewal, verification
from panel.vault.renewal import Renewed
from panel.vault.verification import Verdict

Progress = Callable[[int, int], None]
STARTED = "keys.work_started"


@dataclass(frozen=True)
class Made:
    """What `initialise` made; what was there was left as it is."""

    kek_file_made: bool
    index_root_made: bool


@dataclass(frozen=True)
class Rotation:
    """What a rotation did. `damaged` keys opened under no version: they and their version are left as they are."""

    version: int
    rewrapped: int
    destroyed: tuple[int, ...]
    damaged: int


def initialise(*, by: Actor, now: datetime) -> Made:
    """Make the KEK and the index root where they are absent; overwrites nothing, and is then not noted."""
    made = Made(*services.initialise(today=localdate(now)))
    if made.kek_file_made or made.index_root_made:
        _note(by, "keys.made", now, asdict(made))
    return made


def rotate(*, by: Actor, now: datetime, progress: Progress | None = None) -> Rotation:
    """A new KEK version, survivors re-wrapped, old versions destroyed: old copies of erased keys are dead (CRY-06).

    Not to be called inside a transaction. Killed half-way, `rewrap` and `destroy_old`, or the next rotation, go on.
    """
    _note(by, STARTED, now, {"work": "rotate"})
    rotation.add_version(today=localdate(now))
    done = rotation.rewrap(progress)
    result = Rotation(done.version, done.rewrapped, rotation.destroy_old(), done.damaged)
    _note(by, "keys.rotated", now, asdict(result))
    return result


def rewrap(*, by: Actor, now: datetime, progress: Progress | None = None) -> Rotation:
    """Bring every key under the current version, as after an interrupted rotation; destroys nothing."""
    _note(by, STARTED, now, {"work": "rewrap"})
    done = rotation.rewrap(progress)
    result = Rotation(done.version, done.rewrapped, (), done.damaged)
    _note(by, "keys.rewrapped", now, asdict(result))
    return result


def destroy_old(*, by: Actor, now: datetime) -> tuple[int, ...]:
    """Destroy the versions that wrap nothing any more; what they once wrapped opens never again."""
    _note(by, STARTED, now, {"work": "destroy_old"})
    destroyed = rotation.destroy_old()
    _note(by, "keys.old_destroyed", now, {"destroyed": destroyed})
    return destroyed


def renew_cards(*, by: Actor, now: datetime, progress: Progress | None = None) -> Renewed:
    """Seal every card anew under a new data key; after a leak of the KEK, `rotate` comes first."""
    _note(by, STARTED, now, {"work": "renew_cards"})
    renewed = renewal.renew_cards(progress)
    _note(by, "cards.renewed", now, asdict(renewed))
    return renewed


def verify(
    *, by: Actor, now: datetime, codes: Iterable[str] = (), progress: Progress | None = None
) -> Verdict:
    """Open everything and say what doesn't; `codes` are all members', to name rows by. Changes nothing."""
    _note(by, STARTED, now, {"work": "verify"})
    verdict = verification.verify(codes, before=localdate(now), progress=progress)
    counted = {"keys": verdict.keys, "cards": verdict.cards, "faulty": verdict.faulty}
    _note(by, "keys.verified", now, counted)
    return verdict


def _note(by: Actor, verb: str, now: datetime, detail: dict[str, Any]) -> None:
    with transaction.atomic(durable=True):
        audit.record(by=by, verb=verb, now=now, detail=detail)
