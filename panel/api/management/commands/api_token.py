"""`api_token USERNAME`: makes a token for the API and shows it, once; with --revoke takes back all they have."""

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
        parser.add_argument("--revoke", action="store_true", help="take back all tokens of this person")

    def act(self, **options: Any) -> Answer:
        username, days, by = options["username"], options["days"], Actor.system("operator")
        if options["revoke"]:
            number = services.revoke_tokens(by=by, username=username, now=clock.now())
            data = {"username": username, "revoked": number}
            return Answer(
                data, [_("%(revoked)d tokens of %(username)s don't open anything any more.") % data]
            )
        token = services.make_token(by=by, username=username, days=days, now=clock.now())
        line = _("It lives %(days)d days and can't be shown again. Send it as: Authorization: Token …")
        return Answer({"username": username, "days": days, "token": token}, [token, line % {"days": days}])
