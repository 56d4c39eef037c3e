"""`intake_key`: the key that new addresses are sealed to where no card can be opened: ensure, status, rotate.

Rotates each night by itself; an older one opens until nothing waits that was sealed to it, then it is destroyed.
Exit status 0 done; 1 refused. `--json` prints version, waiting (versions to how many addresses) and destroyed.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.enrolment import intake

OPERATOR = Actor.system("operator")


class Command(ServiceCommand):
    """An operator's; a rotation at once is for a keystore that somebody else may have copied."""

    help = "Make, show or rotate the key that new addresses are sealed to."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("do", choices=["ensure", "status", "rotate"])

    def act(self, **options: Any) -> Answer:
        now, destroyed = clock.now(), list[int]()
        if options["do"] == "ensure":
            intake.ensure(today=localdate(now))
        elif options["do"] == "rotate":
            destroyed = intake.rotate(by=OPERATOR, now=now).destroyed
        waiting = intake.waiting()
        version = max(waiting, default=None)
        lines = [
            _("Version %(version)d, to which %(number)d addresses are sealed that wait.")
            % {"version": one, "number": number}
            for one, number in waiting.items()
        ]
        lines += [_("Version %(version)d is destroyed.") % {"version": one} for one in destroyed]
        data = {"version": version, "waiting": waiting, "destroyed": destroyed}
        return Answer(
            data, lines or [_("There is no intake key. Make one with `manage.py intake_key ensure`.")]
        )
