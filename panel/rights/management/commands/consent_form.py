"""`consent_form`: drafts a study's consent form from a file, or takes over one that people signed elsewhere."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from consent import forms
from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import BadInput
from panel.members import selectors
from panel.rights import consent_forms as services


class Command(ServiceCommand):
    """In the name of somebody of the study, whose permission is checked and who stands in it as its writer."""

    help = "Draft a consent form from a JSON file with version, letter and questions."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--study", required=True, metavar="SLUG")
        parser.add_argument("--by", required=True, metavar="USER", help="user name of who wrote it")
        parser.add_argument(
            "--signed", action="store_true",
            help="people signed it before they were enrolled here: kept as a proof, by a project leader, never shown",
        )  # fmt: skip

    def act(self, **options: Any) -> Answer:
        study, by, now = selectors.study(options["study"]), Actor.staff(options["by"]), clock.now()
        document = _read(options["file"])
        if options["signed"]:
            form = services.import_signed(by=by, study=study, document=document, now=now)
            told = [_("The form %(version)s is kept as people signed it.") % {"version": form.version}]
            lacks: list[str] = []
        else:
            form = services.draft(by=by, study=study, document=document, now=now)
            lacks = forms.lacks(form, study.languages)
            told = [_("The draft %(version)s is there.") % {"version": form.version}]
            told += [_("It lacks: %(what)s") % {"what": what} for what in lacks]
        data = {"study": study.slug, "version": form.version, "status": form.status, "lacks": lacks}
        return Answer(data, told)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(_("The file can't be read as JSON in UTF-8.")) from error
    if not isinstance(document, dict):
        raise BadInput(_("The file can't be read as JSON in UTF-8."))
    return document
