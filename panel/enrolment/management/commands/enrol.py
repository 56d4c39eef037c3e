"""`enrol`: a recruitment file into a study, or with --dry-run what it would do.

Exit status 0 done; 1 refused: an unknown study, a file that is missing, can't be read or lacks a column;
2 wrong call. `--json` prints study, dry_run, rows, wave0_answers, outcome (counts of those that occur) and
left_out: each row that this run did not enrol, with its reason, members of an earlier run among them.
"""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, progress_bar
from panel.enrolment import services
from panel.enrolment.services import EnrolmentResult
from panel.errors import BadInput
from panel.members import selectors


class Command(ServiceCommand):
    """An operator's enrolment; at the desk a contact keeper uploads."""

    help = "Enrol a recruitment file into a study."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV or XLSX")
        parser.add_argument("--study", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="judge the file and write nothing")

    def act(self, **options: Any) -> Answer:
        path: Path = options["file"]
        study = selectors.study(options["study"])
        with progress_bar(_("Reading")) as progress:
            result = services.enrol(
                by=Actor.system("operator"),
                study=study,
                data=_bytes(path),
                suffix=path.suffix,
                now=clock.now(),
                dry_run=options["dry_run"],
                progress=progress,
            )
        return Answer(result.as_json(), _lines(result))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(_("The file can't be opened. Check its path and who may read it.")) from error


def _lines(result: EnrolmentResult) -> list[str]:
    lines = [_("%(rows)d rows") % {"rows": result.rows}]
    if result.dry_run:
        lines[0] += _(" (dry run: nothing was written)")
    lines += [f"  {number:>7}  {outcome}" for outcome, number in result.outcome.items()]
    lines.append(_("%(number)d wave-0 answers") % {"number": result.wave0_answers})
    if result.sharing:
        lines.append(_("%(number)d share an address with an earlier one") % {"number": result.sharing})
    if result.repairable:
        places = ", ".join(map(str, result.repairable))
        lines.append(
            _("Addresses that a contact keeper could repair, in lines: %(lines)s") % {"lines": places}
        )
    return lines
