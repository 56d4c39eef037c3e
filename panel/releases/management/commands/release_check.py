"""release-check FILE --quasi a,b,c [--k 6] [--json]: is a file k-anonymous? Needs no study, no database."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import BadInput
from panel.releases.disclosure import judge, minimal_uniques
from panel.releases.formats import read_csv
from panel.threshold import DEFAULT_K

SHOWN = 5


class Command(ServiceCommand):
    """Judges one CSV; exit status 1 where it is refused."""

    help = "Judge a CSV by its quasi-identifiers: smallest class, rows below k, unique rows."
    requires_system_checks = ()

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV by comma, semicolon or tab, with a header line")
        parser.add_argument("--quasi", required=True, help="its quasi-identifiers, by comma")
        parser.add_argument("--k", type=int, default=DEFAULT_K, help=f"smallest class allowed ({DEFAULT_K})")

    def act(self, **options: Any) -> Answer:
        """Read, judge, and for people name what makes rows unique (SDC-03)."""
        quasi = list(dict.fromkeys(name.strip() for name in options["quasi"].split(",") if name.strip()))
        columns, rows = read_csv(_bytes(options["file"]))
        missing = [name for name in quasi if name not in columns]
        if missing or not quasi or options["k"] < 2:
            raise WrongCall(
                f"The file has no column {', '.join(missing)}. It has: {', '.join(columns)}."
                if missing
                else "Name at least one quasi-identifier and a k of 2 or more."
            )
        verdict = judge(rows, quasi, options["k"])
        lines = [
            f"{verdict['verdict']}: {verdict['rows']} rows, the smallest class has {verdict['k']}",
            f"{verdict['below_k']} rows in classes below {options['k']}, {verdict['unique']} of them unique",
        ]
        uniques = sorted(minimal_uniques(rows, quasi).items(), key=lambda found: (len(found[0]), -found[1]))
        lines += [f"{count} rows stand alone on {' × '.join(names)}" for names, count in uniques[:SHOWN]]
        lines += [f"… and {len(uniques) - SHOWN} more combinations"] if len(uniques) > SHOWN else []
        refused = "" if verdict["verdict"] == "accepted" else f"The file must not leave: k is {verdict['k']}."
        return Answer(verdict, lines, refused)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"The file can't be read: {error.strerror}.") from error
