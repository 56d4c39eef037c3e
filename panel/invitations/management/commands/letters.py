"""`letters`: takes in a study's letters as drafts from JSON files, one per language, and approves the drafts.

The form of a file is that of panel/demo/letters. Approval is a project leader's, who can also do it at the desk.
"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import BadInput
from panel.invitations import letters
from panel.members import selectors


class Command(ServiceCommand):
    """In the name of a coordinator (drafts) or project leader, whose permission is checked."""

    help = "Take in a study's letters, or approve its drafts."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's short name")
        parser.add_argument("files", nargs="*", type=Path, help="JSON: language and letters by kind")
        parser.add_argument("--approve", action="store_true", help="approve the drafts there are")
        parser.add_argument("--by", required=True, metavar="USER", help="in whose name")

    def act(self, **options: Any) -> Answer:
        study, by, now = selectors.study(options["study"]), Actor.staff(options["by"]), clock.now()
        taken = approved = 0
        for file in options["files"]:
            document = _object(file)
            taken += len(letters.import_letters(by=by, study=study, document=document, now=now))
        if options["approve"]:
            approved = letters.approve_letters(by=by, study=study, now=now)
        data = {"study": study.slug, "drafts": taken, "approved": approved}
        return Answer(data, [_("%(drafts)d letters taken in as drafts, %(approved)d approved.") % data])


def _object(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(_("%(file)s can't be read as JSON.") % {"file": file.name}) from error
    if not isinstance(given, dict):
        raise BadInput(_("%(file)s must hold a JSON object.") % {"file": file.name})
    return given
