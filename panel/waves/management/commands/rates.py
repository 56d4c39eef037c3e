"""`rates [STUDY] WAVE`: a wave's AAPOR codes and outcome rates, for an operator or a machine."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel.commands import Answer, ServiceCommand
from panel.members import selectors as members
from panel.members.models import Study
from panel.waves import outcomes, selectors
from panel.waves.dispositions import CODES, EDITION
from panel.waves.outcomes import GroupRates, Outcome, Recruitment, Way
from panel.waves.rates import Rate


class Command(ServiceCommand):
    """Prints them; nothing is stored, so they are always those of this moment."""

    help = "Print a wave's dispositions and outcome rates (AAPOR)."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "study", nargs="?", help="the study's slug, where several have a wave of this name"
        )
        parser.add_argument(
            "wave", help="the wave's name; 0 or a cohort's, after the study, for its recruitment"
        )
        parser.add_argument("--by", choices=list(outcomes.BY), help="by group too, above the threshold only")

    def act(self, **options: Any) -> Answer:
        study = members.study(options["study"]) if options["study"] else None
        if study and (first := outcomes.recruitment(study, options["wave"])):
            return _of_recruitment(study, first)
        wave = selectors.wave(study=study, name=options["wave"])
        found, ways = outcomes.outcome(wave), outcomes.ways(wave)
        answer = outcomes.as_json(found)
        lines = [
            f"{wave.name} ({wave.get_status_display()}). {EDITION}",
            "",
            *_codes(found),
            "",
            *_rates(found),
        ]
        participation = (
            outcomes.participation(wave, found) if ways[-1].recruitment.recruited.is_open else None
        )
        answer["recruitment"] = outcomes.recruitment_as_json(ways[-1].recruitment)
        answer["participation"] = participation.as_json() if participation else None
        answer["cumulative"] = [outcomes.way_as_json(way) for way in ways]
        lines += ["", *(_way(way) for way in ways)]
        if participation:
            lines.append(_line(_("participation"), participation))
        if options["by"]:
            groups = outcomes.by_group(wave, options["by"])
            even = outcomes.evenness(groups)
            answer["by"] = {
                "variable": options["by"],
                "groups": [_as_json(group) for group in groups],
                "R": even.r if even else None,
                "CV": even.cv if even else None,
            }
            lines += ["", *_by_group(groups)]
        return Answer({"study": wave.study.slug, "wave": wave.name, "status": wave.status, **answer}, lines)


def _of_recruitment(study: Study, found: Recruitment) -> Answer:
    told = outcomes.recruitment_as_json(found)
    name = _("participation") if found.recruited.is_open else _("response")
    lines = [_line(name, found.rate), _line(_("joined"), found.profile)]
    return Answer({"study": study.slug, "wave": "0", **told}, lines)


def _way(way: Way) -> str:
    stages = " × ".join(
        f"{rate.numerator}/{rate.denominator:.10g}" if rate else "–" for rate in way.stages.values()
    )
    return f"CUMRR  {'–' if way.cumrr is None else f'{way.cumrr:.4f}'}  {way.wave}: {stages}"


def _codes(found: Outcome) -> list[str]:
    return [
        f"{code:6} {CODES[code].label!s:60} {number:7}"
        for code, number in sorted(found.tally.by_code.items())
    ]


def _rates(found: Outcome) -> list[str]:
    return [_line(name, rate) for name, rate in {"e": found.e, **found.rates}.items()]


def _line(name: str, rate: Rate | None) -> str:
    if rate is None or rate.value is None:
        return f"{name:6} –"
    return f"{name:6} {rate.value:.4f}  ({rate.numerator} / {rate.denominator:.10g})"


def _as_json(group: GroupRates) -> dict[str, Any]:
    told = {name: rate.as_json() if rate else None for name, rate in group.rates.items()}
    return {"groups": list(group.groups), "cases": group.cases, "rates": told}


def _by_group(groups: list[GroupRates]) -> list[str]:
    if not groups:
        return [_("No group may be told: some would be below the threshold.")]
    lines = []
    for group in groups:
        lines.append(f"{', '.join(group.groups)}: {group.cases}")
        lines += [_line(name, rate) for name, rate in group.rates.items() if rate]
    if even := outcomes.evenness(groups):
        lines.append(f"R      {even.r:.4f}  (CV {even.cv:.4f})")
    return lines
