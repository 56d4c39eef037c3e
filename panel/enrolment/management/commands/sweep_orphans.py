"""`sweep_orphans`: contact cards and data keys without a member, as each night; --force where that was refused.

Exit status 0 done; 1 refused: more have no member than a crash leaves. `--json` prints swept, the number of
cards and keys that were removed, and forced.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.enrolment import services


class Command(ServiceCommand):
    """An operator's, who has looked at the main database before forcing it."""

    help = "Remove contact cards and data keys that have had no member for a day."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--force",
            action="store_true",
            help="also where so many are without a member that the main database may be the wrong one",
        )

    def act(self, **options: Any) -> Answer:
        swept = services.sweep_orphans(by=Actor.system("operator"), now=clock.now(), force=options["force"])
        return Answer(
            {"swept": swept, "forced": options["force"]},
            [_("%(number)d cards and keys without a member were removed.") % {"number": swept}],
        )
