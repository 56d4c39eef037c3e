"""`staff add | password | reset_factor | deactivate | activate | list`: log-ins, for an operator.

No password is ever shown: its person sets it by a link that works once, within a day.
"""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import NotNow
from panel.staff import selectors, services
from panel.staff.oidc import PROVIDER

BY = Actor.system("operator")
STEPS = ("add", "password", "reset_factor", "deactivate", "activate", "list")


class Command(ServiceCommand):
    """Roles are given by `assign_role` or by a project leader at the desk."""

    help = "Make, mend and close log-ins of staff."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=STEPS)
        parser.add_argument("user", nargs="?", default="", help="user name; not for list")
        parser.add_argument(
            "--email", default="", help="add: the address the institution's log-in vouches for"
        )
        parser.add_argument(
            "--subject", default="", help="add: the institution's name for this person (OIDC sub)"
        )

    def act(self, **options: Any) -> Answer:
        step, name = options["step"], options["user"]
        if (step == "list") == bool(name):
            raise WrongCall(_("Give a user name with each step but list."))
        if step == "list":
            return _list()
        if step == "add":
            services.add(
                by=BY,
                username=name,
                email=options["email"],
                oidc_subject=options["subject"],
                provider=PROVIDER,
                now=clock.now(),
            )
        return self.carry_out(step, name)

    def carry_out(self, step: str, name: str) -> Answer:
        user, now = selectors.user(name), clock.now()
        if step in {"add", "password"}:
            return _link(name, services.password_link(by=BY, user=user, now=now))
        if step == "reset_factor":
            services.reset_factor(by=BY, user=user, now=now)
            said = _("%(user)s has no second factor now and sets up a new one at the next log-in.")
        else:
            services.set_active(by=BY, user=user, active=step == "activate", now=now)
            said = (
                _("%(user)s can log in again.")
                if step == "activate"
                else _("%(user)s can't log in any more.")
            )
        return Answer({"user": name, "done": step}, [said % {"user": name}])


def _link(name: str, parts: tuple[str, str]) -> Answer:
    try:
        path = reverse("account_password_link", args=parts)
    except NoReverseMatch as error:
        raise NotNow(
            _("This process has no desk. Run the command in the desk's or in migrate's container.")
        ) from error
    link = f"{settings.BASE_URL}{path}"
    line = _("Give %(user)s this link in person. It works once, within a day:") % {"user": name}
    return Answer({"user": name, "link": link}, [line, link])


def _list() -> Answer:
    found = selectors.log_ins()
    lines = [
        "\t".join(
            (
                one.username,
                _("open") if one.active else _("closed"),
                _("second factor") if one.second_factor else _("no second factor"),
                ", ".join(one.roles) or "–",
            )
        )
        for one in found
    ]
    return Answer([asdict(one) for one in found], lines)
