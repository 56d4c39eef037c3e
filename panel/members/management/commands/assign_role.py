"""`assign_role`: gives a staff user a role in a study; how a study's first project leader comes by theirs."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import NotFound
from panel.members import selectors, services
from panel.members.rules import Role


class Command(ServiceCommand):
    """An operator's; later a project leader gives roles at the desk."""

    help = "Give a staff user a role in a study."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--study", required=True, metavar="SLUG")

    def act(self, **options: Any) -> Answer:
        study = selectors.study(options["study"])
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise NotFound(_("There is no user of this name. Make one with `manage.py createsuperuser`."))
        given = services.assign_role(
            by=Actor.system("operator"), user=user, study=study, role=options["role"], now=clock.now()
        )
        data = {"study": study.slug, "user": user.get_username(), "role": given.role}
        return Answer(data, [_("%(user)s is %(role)s in %(study)s.") % data])
