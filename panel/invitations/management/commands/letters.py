"""`letters`: takes in drafts from JSON files, one per language, approves them, writes letters out, or lists them.

The form of a file is that of panel/demo/letters. All of it can be done at the desk too. Approval is a project
leader's who wrote none of the words.
"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import BadInput
from panel.invitations import letter_files, letter_versions
from panel.invitations.models import Letter
from panel.members import selectors
from panel.members.models import Study


class Command(ServiceCommand):
    """In the name of a coordinator (drafts) or project leader, whose permission is checked."""

    help = "Take in a study's letters, approve its drafts, write the letters to files, or list them."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's short name")
        parser.add_argument("files", nargs="*", type=Path, help="JSON: language and letters by kind")
        parser.add_argument("--approve", action="store_true", help="approve the drafts there are")
        parser.add_argument("--by", metavar="USER", help="in whose name they are taken in or approved")
        parser.add_argument("--export", type=Path, metavar="FOLDER", help="write a file for each language")
        parser.add_argument("--status", action="store_true", help="list versions, states and what is missing")

    def act(self, **options: Any) -> Answer:
        study = selectors.study(options["study"])
        writes = bool(options["files"] or options["approve"])
        if writes + bool(options["export"]) + options["status"] != 1:
            raise WrongCall(_("Either files or --approve, or --export, or --status."))
        if options["export"]:
            return _exported(study, options["export"])
        if options["status"]:
            return _status(study)
        if not options["by"]:
            raise WrongCall(_("Say with --by in whose name."))
        return _taken(study, Actor.staff(options["by"]), options["files"], approve=options["approve"])


def _taken(study: Study, by: Actor, files: list[Path], *, approve: bool) -> Answer:
    now, taken, approved = clock.now(), 0, 0
    for file in files:
        taken += len(letter_files.import_letters(by=by, study=study, document=_object(file), now=now))
    if approve:
        approved = letter_versions.approve_all(by=by, study=study, now=now)
    data = {"study": study.slug, "drafts": taken, "approved": approved}
    return Answer(data, [_("%(drafts)d letters taken in as drafts, %(approved)d approved.") % data])


def _exported(study: Study, folder: Path) -> Answer:
    documents = letter_files.export_letters(study)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for document in documents:
            text = json.dumps(document, ensure_ascii=False, indent=2)
            (folder / f"{document['language']}.json").write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(_("%(folder)s can't be written to.") % {"folder": folder.name}) from error
    data = {"study": study.slug, "languages": [document["language"] for document in documents]}
    return Answer(data, [_("Written: %(names)s.") % {"names": ", ".join(data["languages"]) or "–"}])


def _status(study: Study) -> Answer:
    found = Letter.objects.filter(study=study).select_related("study").prefetch_related("texts")
    rows, lines = [], []
    for letter in found.order_by("kind", "name", "version"):
        missing = letter_versions.missing_languages(letter)
        rows.append(
            {
                "kind": letter.kind,
                "name": letter.name,
                "version": letter.version,
                "state": letter.state,
                "languages": sorted(text.language for text in letter.texts.all()),
                "missing": missing,
                "approved_by": letter.approved_by,
            }
        )
        lacks = _("; lacks %(languages)s") % {"languages": ", ".join(missing)} if missing else ""
        lines.append(f"{letter_versions.label(letter)}: {letter.get_state_display()}{lacks}")
    return Answer({"study": study.slug, "letters": rows}, lines or [_("There are no letters yet.")])


def _object(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(_("%(file)s can't be read as JSON.") % {"file": file.name}) from error
    if not isinstance(given, dict):
        raise BadInput(_("%(file)s must hold a JSON object.") % {"file": file.name})
    return given
