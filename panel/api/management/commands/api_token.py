"""`api_token USERNAME`: makes a token for the API and shows it, once."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.api import services
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand


class Command(ServiceCommand):
    """For an operator; the token is on standard output and nowhere else."""

    help = "Make a token for the API. It is shown once."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--days", type=int, default=90, help="how long it lives (90)")

    def act(self, **options: Any) -> Answer:
        username, days = options["username"], options["days"]
        token = services.make_token(
            by=Actor.system("operator"), username=username, days=days, now=clock.now()
        )
        line = _("It lives %(days)d days and can't be shown again. Send it as: Authorization: Token …")
        return Answer({"username": username, "days": days, "token": token}, [token, line % {"days": days}])
