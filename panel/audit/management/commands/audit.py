"""`audit verify | anchor | status`: whether the audit chain holds, noting its head outside, where it stands."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import CommandParser

from panel import clock
from panel.audit import anchors, selectors
from panel.audit.rules import Actor
from panel.audit.selectors import Verdict
from panel.commands import Answer, ServiceCommand


class Command(ServiceCommand):
    """An operator's. Exit status 1 where the chain is broken; the first row that does not hold is named."""

    help = "Verify the audit chain, note its head outside the database, or say where it stands."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=["verify", "anchor", "status"])
        note = "verify: a copy of the anchors instead of AUDIT_ANCHOR_FILE"
        parser.add_argument("--anchors", type=Path, metavar="FILE", help=note)

    def act(self, **options: Any) -> Answer:
        if options["step"] == "status":
            return _status()
        if options["step"] == "anchor":
            done = anchors.anchor(by=Actor.system("operator"), now=clock.now())
            said = "Its head was noted." if done.noted else "No new head to note."
            return _verdict(done.verdict, {"noted": done.noted}, [said])
        return _verdict(anchors.verify(options["anchors"]), {}, [])


def _verdict(verdict: Verdict, more: dict[str, Any], said: list[str]) -> Answer:
    lines = [f"{verdict.sealed} events sealed; oldest unsealed: {verdict.oldest_unsealed or 'none'}."]
    lines += [
        f"{cut.heads} heads of a chain lost by the restore noted on {cut.at} are left out: "
        f"those above position {cut.position}, up to {cut.upto}."
        for cut in verdict.restores
    ]
    refused = "" if verdict.ok else f"The audit chain is broken at {verdict.first_broken}."
    return Answer({**asdict(verdict), **more}, lines + said if verdict.ok else lines, refused)


def _status() -> Answer:
    """Cheap: reads the head, what waits, and the last anchor; proves nothing of the chain between."""
    head, (waiting, oldest) = selectors.head(), selectors.waiting(now=clock.now())
    known = anchors.noted().heads
    last = max(known, default=0)
    seal = selectors.seal_at(last) if last else None
    stands = not last or (seal is not None and seal.hash == known[last])
    data = {
        "sealed": head.position if head else 0,
        "sealed_at": head.sealed_at if head else None,
        "waiting": waiting,
        "oldest_waiting": oldest,
        "anchors": len(known),
        "last_anchor": last,
        "last_anchor_stands": stands,
    }
    lines = [
        f"{data['sealed']} events sealed; {waiting} wait, the oldest since {oldest or 'no time'}.",
        f"{len(known)} anchors; the last one at position {last}.",
    ]
    refused = "" if stands else f"The chain no longer has the head noted at position {last}."
    return Answer(data, lines, refused)
