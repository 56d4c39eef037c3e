"""`assign_role`: gives a staff user a role in a study, or takes it back; how a study comes by its first leader."""

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

    help = "Give a staff user a role in a study, or take it back."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--study", required=True, metavar="SLUG")
        parser.add_argument("--take", action="store_true", help="take the role back")

    def act(self, **options: Any) -> Answer:
        study = selectors.study(options["study"])
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise NotFound(_("There is no user of this name. Make one with `manage.py staff add`."))
        by, role, now = Actor.system("operator"), options["role"], clock.now()
        data = {"study": study.slug, "user": user.get_username(), "role": role}
        if options["take"]:
            services.take_role(by=by, given=selectors.role(user.get_username(), study, role), now=now)
            return Answer(data, [_("%(user)s is no longer %(role)s in %(study)s.") % data])
        services.assign_role(by=by, user=user, study=study, role=role, now=now)
        return Answer(data, [_("%(user)s is %(role)s in %(study)s.") % data])
