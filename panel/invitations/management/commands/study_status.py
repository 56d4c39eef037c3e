"""`study_status`: whether a study may send, and what is still missing (NO-01). Status 1 while something is."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel.commands import Answer, ServiceCommand
from panel.invitations import readiness
from panel.members import selectors


class Command(ServiceCommand):
    """Writes nothing."""

    help = "Say what a study still lacks before anything may be sent."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's short name")

    def act(self, **options: Any) -> Answer:
        study = selectors.study(options["study"])
        gaps = readiness.missing(study)
        found = [{"what": gap.what, "sentence": str(gap.sentence)} for gap in gaps]
        data = {"study": study.slug, "ready": not gaps, "missing": found}
        if not gaps:
            return Answer(data, [_("Nothing is missing: letters may go.")])
        lines = [f"- {gap['sentence']}" for gap in found]
        return Answer(data, lines, refused=_("Nothing is sent until these are there."))
