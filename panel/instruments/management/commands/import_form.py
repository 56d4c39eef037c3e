"""import_form FILE --study SLUG --slug SLUG: takes an XLSForm in as a draft. Exit status 1: refused."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from panel import clock
from panel.audit.rules import Actor
from panel.errors import Refusal
from panel.instruments import selectors, services
from panel.members import selectors as members


class Command(BaseCommand):
    """Reads the file, calls the service, prints what came of it."""

    help = "Take in a questionnaire (XLSForm, .xlsx) as a new version of an instrument."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the .xlsx")
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument("--slug", required=True, help="the instrument's short name; new if unknown")
        parser.add_argument("--title", default="", help="its title for staff; the form's own if left out")
        parser.add_argument("--approve", action="store_true", help="approve it at once")
        parser.add_argument("--json", action="store_true", help="print the outcome for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = self._run(options)
        except OSError as error:
            raise CommandError(f"The file can't be read: {error.strerror}.", returncode=2) from error
        except Refusal as refusal:
            raise CommandError(str(refusal), returncode=1) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(outcome, ensure_ascii=False))
        else:
            self.stdout.write(
                "{slug}, version {version}: {pages} pages, {items} questions, {status}.".format(**outcome)
            )

    def _run(self, options: dict[str, Any]) -> dict[str, Any]:
        by, now = Actor.system("import_form"), clock.now()
        version = services.import_instrument(
            by=by,
            study=members.study(options["study"]),
            slug=options["slug"],
            title=options["title"],
            source=options["file"].read_bytes(),
            now=now,
        )
        if options["approve"] and version.status == version.Status.DRAFT:
            version = services.approve_version(by=by, version=version, now=now)
        q = selectors.questionnaire(version)
        return {
            "study": options["study"],
            "slug": options["slug"],
            "version": version.number,
            "status": version.status,
            "languages": version.languages,
            "pages": len(q.pages),
            "items": len(q.items()),
            "sha256": version.sha256,
        }
