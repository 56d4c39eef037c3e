"""Dumps the databases, each into a folder of its own; the keystore's takes the place of the one before."""

from pathlib import Path
from typing import Any

from django.core.management import CommandParser

from panel import clock
from panel.commands import Answer, ServiceCommand
from panel.journal import backup

ALL = (*backup.KEPT, *backup.ONE_GENERATION)


class Command(ServiceCommand):
    help = "Back up the three databases apart. Run it after the nightly job, the keystore to another place."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="where the dumps go; each database has its own folder in it"
        )
        only = "a database, may be repeated: keys belong on another disk than what they open"
        parser.add_argument("--only", action="append", choices=ALL, help=only)

    def act(self, **options: Any) -> Answer:
        made = backup.dump(options["folder"], aliases=tuple(options["only"] or ALL), now=clock.now())
        return Answer({"dumps": [str(path) for path in made]}, [str(path) for path in made])
