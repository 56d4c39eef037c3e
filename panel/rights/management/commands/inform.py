"""`inform`: records that a public-interest study's members were given its information letter (LAW-11)."""

from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.members import selectors
from panel.rights import informing
from panel.rights.objections import PURPOSES


class Command(ServiceCommand):
    """In the name of a project leader; refused where a study rests on consent."""

    help = "Record that members were given the information letter, where the basis is public interest."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, metavar="SLUG")
        parser.add_argument("--by", required=True, metavar="USER", help="user name of the project leader")
        parser.add_argument("--on", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--channel", default="letter", help="how: letter, recruitment file …")
        parser.add_argument(
            "--purpose", action="append", required=True, choices=[purpose.value for purpose in PURPOSES]
        )

    def act(self, **options: Any) -> Answer:
        study, by = selectors.study(options["study"]), Actor.staff(options["by"])
        lines = informing.inform(
            by=by, study=study, purposes=options["purpose"], channel=options["channel"],
            given_on=options["on"], now=clock.now(),
        )  # fmt: skip
        data = {"study": study.slug, "purposes": options["purpose"], "lines": lines}
        return Answer(data, [_("Recorded: %(lines)d lines in the ledger of %(study)s.") % data])
