"""`keys`: everything an operator does with the keys that open contact cards; shows no key.

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
