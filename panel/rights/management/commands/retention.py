"""`retention`: what is past its day (LAW-12). A dry run by default; `--apply` destroys it."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.timezone import localdate

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.rights import retention

OPERATOR = Actor.system("operator")


class Command(ServiceCommand):
    """Codes are not printed; the audit trail has the counts."""

    help = "Show what is past its retention day, or destroy it."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="destroy it; without this nothing is changed"
        )

    def act(self, **options: Any) -> Answer:
        now = clock.now()
        found = retention.all_due(today=localdate(now))
        expired = retention.expired(now=now)
        if options["apply"]:
            for one in found:
                retention.apply(by=OPERATOR, study=one.study, now=now)
            retention.drop_expired(now=now)
        studies = [
            {"study": one.study.slug, "until": one.study.retention_until, **one.counts()} for one in found
        ]
        data = {"applied": options["apply"], "studies": studies, "expired": expired}
        done = (
            "destroyed" if options["apply"] else "past their day (nothing was changed: --apply destroys them)"
        )
        lines = [f"{one['study']}: {one['cards']} contact cards {done}." for one in studies]
        lines += [f"{number} {kind} expired." for kind, number in expired.items() if number]
        return Answer(data, lines or ["Nothing is past its day."])
