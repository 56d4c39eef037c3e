"""Walks the audit chain and says whether it holds."""

from dataclasses import asdict
from typing import Any

from panel.audit import selectors
from panel.commands import Answer, ServiceCommand


class Command(ServiceCommand):
    help = "Verify the audit chain; exit status 1 where it is broken."

    def act(self, **options: Any) -> Answer:
        verdict = selectors.verify()
        lines = [f"{verdict.sealed} events sealed; oldest unsealed: {verdict.oldest_unsealed or 'none'}."]
        refused = "" if verdict.ok else f"The audit chain is broken at {verdict.first_broken}."
        return Answer(asdict(verdict), lines, refused)
