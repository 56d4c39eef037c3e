"""`keys`: everything an operator does with the keys that open contact cards; shows no key.

It stands here because `verify` names rows by the members' codes, which the vault doesn't know.
Exit status 0 done; 1 refused or something does not open. `--json` prints what each piece of work returns.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management import CommandParser

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, progress_bar
from panel.keys import selectors
from panel.members.models import PanelMember
from panel.vault import keyring

OPERATOR = Actor.system("operator")
DAMAGED = (
    "%d wrapped keys do not open and were left as they are: run `manage.py keys verify`, which names them."
)


def init() -> Answer:
    """Make the KEK and the index root where they are absent."""
    made = keyring.initialise(by=OPERATOR, now=clock.now())
    lines = [
        f"KEK file {settings.KEK_FILE}: {'made' if made.kek_file_made else 'was there, left as it is'}.",
        f"Index root: {'made' if made.index_root_made else 'was there, left as it is'}.",
    ]
    return Answer(asdict(made), lines)


def status() -> Answer:
    """Show the versions of the KEK and how many keys each wraps."""
    versions = selectors.status()
    lines = [
        f"{'*' if v.current else ' '} version {v.version}, made {v.made_on}, wraps {v.data_keys} keys"
        for v in versions
    ]
    return Answer({"versions": [asdict(version) for version in versions]}, lines)


def rotate() -> Answer:
    """Make a new version, re-wrap every key, destroy the old versions."""
    with progress_bar("Re-wrapping") as progress:
        return _told(keyring.rotate(by=OPERATOR, now=clock.now(), progress=progress))


def rewrap() -> Answer:
    """Bring every key under the current version, as after an interrupted rotation."""
    with progress_bar("Re-wrapping") as progress:
        return _told(keyring.rewrap(by=OPERATOR, now=clock.now(), progress=progress))


def _told(done: keyring.Rotation) -> Answer:
    lines = [
        f"Version {done.version} is current; {done.rewrapped} keys re-wrapped; "
        f"versions destroyed: {_listed(done.destroyed)}."
    ]
    return Answer(asdict(done), lines, DAMAGED % done.damaged if done.damaged else "")


def renew_cards() -> Answer:
    """Seal every contact card anew under a new data key."""
    with progress_bar("Sealing anew") as progress:
        done = keyring.renew_cards(by=OPERATOR, now=clock.now(), progress=progress)
    line = f"{done.renewed} cards sealed anew under new data keys."
    refused = f"{done.damaged} cards do not open: run `manage.py keys verify`." if done.damaged else ""
    return Answer(asdict(done), [line], refused)


def verify() -> Answer:
    """Open every key and every card and name what doesn't open; changes nothing."""
    codes = PanelMember.objects.values_list("code", flat=True).iterator(chunk_size=5000)
    with progress_bar("Opening") as progress:
        found = keyring.verify(by=OPERATOR, now=clock.now(), codes=codes, progress=progress)
    lines = [
        f"{found.keys} data keys and {found.cards} contact cards were opened; {found.faulty} rows do not hold."
    ]
    lines += [f"{fault.kind} of {fault.name}: {fault.what}. {fault.cure}" for fault in found.faults]
    if found.faulty > len(found.faults):
        lines.append(f"… and {found.faulty - len(found.faults)} more.")
    faults = [
        {"kind": fault.kind, "name": fault.name, "what": fault.what, "cure": fault.cure}
        for fault in found.faults
    ]
    data = {"keys": found.keys, "cards": found.cards, "faulty": found.faulty, "faults": faults}
    return Answer(data, lines, "Not everything opens." if found.faulty else "")


def destroy_old() -> Answer:
    """Destroy the versions that wrap nothing any more."""
    destroyed = keyring.destroy_old(by=OPERATOR, now=clock.now())
    return Answer({"destroyed": destroyed}, [f"Versions destroyed: {_listed(destroyed)}."])


def _listed(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions)) or "none"


WORK: dict[str, Callable[[], Answer]] = {
    "init": init,
    "status": status,
    "rotate": rotate,
    "rewrap": rewrap,
    "destroy-old": destroy_old,
    "renew-cards": renew_cards,
    "verify": verify,
}


class Command(ServiceCommand):
    help = "The keys that open contact cards: " + "; ".join(
        f"{name}: {work.__doc__}" for name, work in WORK.items()
    )
    requires_system_checks: list[str] = []  # `init` mends what the checks complain of

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("work", choices=WORK, help="what to do")

    def act(self, **options: Any) -> Answer:
        return WORK[options["work"]]()
