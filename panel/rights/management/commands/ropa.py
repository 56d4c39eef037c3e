"""`ropa`: the record of processing (GDPR 30) as Markdown, or as JSON. Writes nothing."""

from typing import Any

from django.core.management.base import CommandParser

from panel.commands import Answer, ServiceCommand
from panel.members import selectors
from panel.members.models import Study
from panel.rights import ropa


class Command(ServiceCommand):
    """Of one study, or of all."""

    help = "Print the record of processing activities."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", default="", metavar="SLUG", help="one study; without it all of them")

    def act(self, **options: Any) -> Answer:
        slug = options["study"]
        studies = [selectors.study(slug)] if slug else list(Study.objects.order_by("slug"))
        found = ropa.record(studies)
        return Answer(found, ropa.markdown(found))
