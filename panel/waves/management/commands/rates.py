"""`rates STUDY WAVE`: a wave's AAPOR codes and outcome rates, for an operator or a machine."""

from typing import Any

from django.core.management.base import CommandParser

from panel.commands import Answer, ServiceCommand
from panel.members import selectors as members
from panel.waves import selectors
from panel.waves.dispositions import CODES, EDITION


class Command(ServiceCommand):
    """Prints them; nothing is stored, so they are always those of this moment."""

    help = "Print a wave's dispositions and outcome rates (AAPOR)."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("wave", help="the wave's name")

    def act(self, **options: Any) -> Answer:
        wave = selectors.wave(study=members.study(options["study"]), name=options["wave"])
        codes, rates = selectors.by_code(wave), selectors.rates(wave)
        data = {"study": wave.study.slug, "wave": wave.name, "status": wave.status, "edition": EDITION}
        lines = [f"{wave.name} ({wave.get_status_display()}). {EDITION}", ""]
        lines += [f"{code:6} {CODES[code].label!s:60} {number:7}" for code, number in sorted(codes.items())]
        lines += ["", *(f"{name:6} {'–' if rate is None else f'{rate:.4f}'}" for name, rate in rates.items())]
        return Answer({**data, "dispositions": dict(codes), "rates": rates}, lines)
