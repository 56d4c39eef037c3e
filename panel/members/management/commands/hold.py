"""`hold`: freezes mails, edits and releases of a member while a right is dealt with, or lifts that (LAW-10)."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import NotNow
from panel.members import selectors, services
from panel.members.models import Hold


class Command(ServiceCommand):
    """In the name of a project leader, whose permission is checked."""

    help = "Hold a member, or lift a hold."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("member", help="the member's code")
        parser.add_argument("--kind", choices=Hold.Kind.values, default=Hold.Kind.RESTRICTION.value)
        parser.add_argument("--reason", default="", help="why; kept with the hold, not needed to lift it")
        parser.add_argument("--by", required=True, metavar="USER", help="user name of the project leader")
        parser.add_argument("--lift", action="store_true", help="end the hold of this kind")

    def act(self, **options: Any) -> Answer:
        member, by, kind = selectors.member(options["member"]), Actor.staff(options["by"]), options["kind"]
        if options["lift"]:
            held = selectors.standing_hold(member, kind)
            if held is None:
                raise NotNow(_("This member is under no such hold."))
            services.lift(by=by, held=held, now=clock.now())
            told = _("%(member)s is no longer held: %(kind)s.")
        else:
            held = services.hold(by=by, member=member, kind=kind, reason=options["reason"], now=clock.now())
            told = _("%(member)s is held: %(kind)s.")
        data = {"member": member.code, "kind": kind, "held": held.lifted_at is None}
        return Answer(data, [told % data])
