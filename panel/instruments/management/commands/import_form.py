"""import_form FILE --study SLUG --slug SLUG: takes an XLSForm in as a draft, or finds it taken in before."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, Refused, ServiceCommand
from panel.instruments import selectors, services
from panel.instruments.models import InstrumentVersion
from panel.members import selectors as members


class Command(ServiceCommand):
    """Reads the file, calls the service, prints what came of it."""

    help = "Take in a questionnaire (XLSForm, .xlsx) as a new version of an instrument."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the .xlsx")
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument("--slug", required=True, help="the instrument's short name; new if unknown")
        parser.add_argument("--title", default="", help="its title for staff; the form's own if left out")
        parser.add_argument("--approve", action="store_true", help="approve it at once")

    def act(self, **options: Any) -> Answer:
        by = Actor.system("import_form")
        version = services.import_instrument(
            by=by,
            study=members.study(options["study"]),
            slug=options["slug"],
            title=options["title"],
            source=_bytes_of(options["file"]),
            now=clock.now(),
        )
        if options["approve"] and version.status == InstrumentVersion.Status.DRAFT:
            version = services.approve_version(by=by, version=version, now=clock.now())
        return _answer(version, options["slug"])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"The form can't be read: {error.strerror}.") from error


def _answer(version: InstrumentVersion, slug: str) -> Answer:
    q = selectors.questionnaire(version)
    data = {
        "slug": slug,
        "version": version.number,
        "status": version.status,
        "languages": version.languages,
        "pages": len(q.pages),
        "items": len(q.items()),
        "sha256": version.sha256,
    }
    size = f"{data['pages']} pages, {data['items']} questions"
    return Answer(data, [f"{slug}, version {version.number}: {size}, {version.get_status_display()}."])
