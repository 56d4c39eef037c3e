"""Walks the audit chain and says whether it holds."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import CommandParser

from panel.audit import selectors
from panel.audit.rules import anchor_line, read_anchors
from panel.commands import Answer, ServiceCommand
from panel.errors import BadInput


class Command(ServiceCommand):
    help = "Verify the audit chain; exit status 1 where it is broken."

    def arguments(self, parser: CommandParser) -> None:
        note = "a file kept elsewhere: the heads noted in it must still stand, and today's is added"
        parser.add_argument("--anchors", type=Path, metavar="FILE", help=note)

    def act(self, **options: Any) -> Answer:
        anchors: Path | None = options["anchors"]
        noted = _text(anchors) if anchors and anchors.exists() else ""
        verdict = selectors.verify(anchors=read_anchors(noted))
        if anchors and verdict.ok and verdict.sealed:
            with anchors.open("a") as file:
                file.write(anchor_line(verdict.sealed, verdict.head))
        lines = [f"{verdict.sealed} events sealed; oldest unsealed: {verdict.oldest_unsealed or 'none'}."]
        refused = "" if verdict.ok else f"The audit chain is broken at {verdict.first_broken}."
        return Answer(asdict(verdict), lines, refused)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("The anchors' file can't be read.") from error
