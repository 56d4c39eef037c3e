"""Lives the example study's life in a running installation: the progress, the summary, the checks.

Started by config/local, which runs web server, worker, beat, Redis and mail catcher beside it. Exit status 0
only if all checks hold.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from panel.commands import Answer, ServiceCommand, WrongCall
from panel.demo import study as example
from panel.demo import summary
from panel.demo.life import Life, Town
from panel.demo.planned import Planned
from panel.demo.rights import Rights, leave_open

RELEASES = (("2022", "B"), ("2023", "B"), ("2023", "A"), ("2024", "B"))


@contextmanager
def shown(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with its time; one line per step where there is no terminal."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    begun = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
    if not console.is_terminal:
        console.print(f"{title} ({time.monotonic() - begun:.1f} s)")


class Command(ServiceCommand):
    help = "Live the example study's life (invented people) in a running installation."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="the installation's folder")
        parser.add_argument("--upto-today", action="store_true", help="end with a wave that is open today")

    def act(self, **options: Any) -> Answer:
        out: Path = options["out"]
        if not settings.CLOCK_FILE:
            raise WrongCall("The example needs a clock of its own: start it with `make demo` or `make run`.")
        town = Town(
            clock=Path(settings.CLOCK_FILE),
            maildir=out / "mail",
            returns=out / "returns",
            refused=out / "refused.txt",
            logins=out / "logins.txt",
        )
        life = Life(town=town, progress=shown)
        study = life.live()
        planned = Planned(life).live()
        with shown("Releasing"):
            files = list(_release(out / "releases"))
        if options["upto_today"]:
            today = timezone.now()
            leave_open(life, now=today)
            life.open_today(now=today)
            return Answer({}, [])
        rights = Rights(life, out).live()
        with shown("Looking for canaries, adding up"):
            found = summary.make(life, study, files, out) | {"planned": planned, "rights": rights}
        held = summary.checks(found)
        (out / "summary.json").write_text(
            json.dumps({**found, "checks": held}, ensure_ascii=False, indent=1) + "\n"
        )
        _print(found, held)
        failed = [words for words, ok in held.items() if not ok]
        refused = f"Not as it must be: {'; '.join(failed)}." if failed else ""
        return Answer(found, [f"{out / 'summary.json'}"], refused=refused)


def _release(out: Path) -> Iterator[dict[str, Any]]:
    """Asks for each file as a researcher and approves it as a reviewer, with the command people use."""
    for wave, product in RELEASES:
        printed = io.StringIO()
        call_command(
            "release", example.SLUG, wave, "--asked-by", "ines", "--approved-by", "ravn",
            "--product", product, "--out", str(out), "--json", stdout=printed,
        )  # fmt: skip
        yield from json.loads(printed.getvalue())["files"]


def _print(found: dict[str, Any], held: dict[str, bool]) -> None:
    console = Console()
    table = Table(title="Waves")
    columns = (
        "name",
        "cases",
        "invitations_sent",
        "reminders_sent",
        "completes",
        "partials",
        "withdrawn",
        "bounced",
    )
    for name in (*columns, "RR1"):
        table.add_column(name.replace("_", " "), justify="right")
    for wave in found["waves"]:
        table.add_row(*(str(wave[name]) for name in columns), f"{wave['rates']['RR1']['value']:.3f}")
    console.print(table)
    releases = Table(title="Released")
    for name in ("file", "product", "rows", "k", "suppressed"):
        releases.add_column(name)
    for row in found["releases"]:
        releases.add_row(*(str(row[name]) for name in ("file", "product", "rows", "k", "suppressed")))
    console.print(releases)
    for words, ok in held.items():
        console.print(f"[green]✓[/] {words}" if ok else f"[red]✗ {words}[/]")
