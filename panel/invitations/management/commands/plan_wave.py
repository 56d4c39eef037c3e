"""`plan_wave`: plans a wave, changes a plan, or runs one dry, for an operator; by the services of the desk."""

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import BadInput
from panel.instruments import selectors as instruments
from panel.instruments.models import InstrumentVersion
from panel.invitations import differences, dry_run, planning
from panel.invitations.alike import Draft
from panel.invitations.differences import Change, Difference
from panel.invitations.dry_run import Forecast
from panel.members import selectors as members
from panel.members.models import Study
from panel.waves import rules, selectors
from panel.waves import services as waves
from panel.waves.models import Wave
from panel.waves.plans import Plan, usual_plan

#: What a new wave can't be planned without.
NEEDED = ("study", "wave", "number", "opens", "closes")


class Command(ServiceCommand):
    """Who plans is named; their roles decide, as at the desk. A dry run and a look at a change write nothing."""

    help = "Plan a wave, change its plan, or run it dry."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", nargs="?", help="the study's slug")
        parser.add_argument("wave", nargs="?", help="the new wave's name")
        parser.add_argument(
            "--wave", dest="existing", help="a wave there is: to run it dry or to change its plan"
        )
        parser.add_argument("--by", help="user name of who plans it; a dry run needs none")
        parser.add_argument("--number", type=int, help="1 for the first after recruitment")
        parser.add_argument("--kind", choices=Wave.Kind.values, default=None)
        parser.add_argument("--instrument", help="SLUG (its newest approved) or SLUG:VERSION")
        parser.add_argument("--opens", help="as 2023-10-01T10:00 (Norwegian time)")
        parser.add_argument("--closes")
        parser.add_argument("--plan", help="a file with the plan as JSON; else the following")
        parser.add_argument(
            "--steps", nargs="+", metavar="LETTER:DAYS", help="as invitation:0 reminder:7 thanks:1"
        )
        parser.add_argument("--remind", type=int, nargs="*", default=[], help="days after the invitation")
        parser.add_argument("--cohort", nargs="*", default=[], help="cohorts drawn; all if none is named")
        parser.add_argument("--place", nargs="*", default=[])
        parser.add_argument("--language", nargs="*", default=[])
        parser.add_argument("--only", nargs="*", default=[], metavar="WAVE:EVENT", help="as 2023:completed")
        parser.add_argument("--but", nargs="*", default=[], metavar="WAVE:EVENT")
        parser.add_argument("--at-most", type=int, help="so many, drawn by lot")
        parser.add_argument("--soft-launch", metavar="FIRST[:DAYS[:LIMIT]]", help="as 200:2:0.05")
        parser.add_argument("--approve", action="store_true", help="approve it too: draws the sample")
        parser.add_argument("--apply", action="store_true", help="with --wave: apply the change at once")
        parser.add_argument("--dry-run", action="store_true", help="who would get what when; nothing is kept")

    def act(self, **options: Any) -> Answer:
        now = clock.now()
        if options["existing"]:
            study = members.study(options["study"]) if options["study"] else None
            wave = selectors.wave(study=study, name=options["existing"])
            return _change(wave, options, now) if _says_something(options) else _look(wave, options, now)
        if missing := [name for name in NEEDED if options[name] is None]:
            raise WrongCall(_("A new wave needs: %(names)s.") % {"names": ", ".join(missing)})
        study = members.study(options["study"])
        return _try(study, options, now) if options["dry_run"] else _plan(study, options, now)


def _plan(study: Study, options: dict[str, Any], now: datetime) -> Answer:
    by, kind = _by(options), Wave.Kind(options["kind"] or Wave.Kind.SURVEY)
    with transaction.atomic():  # a wave whose approval is refused isn't left behind as a plan
        wave = planning.plan_wave(
            by=by,
            study=study,
            name=options["wave"],
            number=options["number"],
            kind=kind,
            instrument=_version(study, options["instrument"]),
            opens_at=_moment(options["opens"]),
            closes_at=_moment(options["closes"]),
            plan=_plan_of(options),
            now=now,
        )
        cases = planning.approve_wave(by=by, wave=wave, now=now) if options["approve"] else 0
    data = {"study": study.slug, "wave": wave.name, "status": wave.status, "cases": cases}
    return Answer(data, [_("%(wave)s is %(status)s; cases: %(cases)d.") % data])


def _try(study: Study, options: dict[str, Any], now: datetime) -> Answer:
    """A wave that nobody planned, run dry."""
    kind = options["kind"] or Wave.Kind.SURVEY.value
    opens_at, closes_at = _moment(options["opens"]), _moment(options["closes"])
    frame = rules.Frame(kind, opens_at, closes_at, _version(study, options["instrument"]) is not None)
    plan = waves.check_plan(study=study, plan=_plan_of(options), frame=frame)
    planning.check_letters(study, plan)
    return _told(dry_run.forecast(Draft(study, kind, plan, opens_at, closes_at), now), options["wave"])


def _look(wave: Wave, options: dict[str, Any], now: datetime) -> Answer:
    if not options["dry_run"]:
        raise WrongCall(_("Say what to do with the wave: --dry-run, or what to change in its plan."))
    if wave.status == Wave.Status.CLOSED:
        raise BadInput(_("The wave is closed: nothing of it will be sent."))
    return _told(dry_run.forecast(Draft.of(wave), now), wave.name)


def _change(wave: Wave, options: dict[str, Any], now: datetime) -> Answer:
    """Proposes a change and says what it means; with --apply it is in force, with --dry-run it is not kept."""
    plan = _plan_of(options) if _plans(options) else wave.planned
    opens_at = _moment(options["opens"]) if options["opens"] else wave.opens_at
    closes_at = _moment(options["closes"]) if options["closes"] else wave.closes_at
    if options["dry_run"]:
        frame = rules.Frame(wave.kind, opens_at, closes_at, wave.instrument_id is not None)
        plan = replace(plan, seed=plan.seed or wave.planned.seed)
        plan = waves.check_plan(study=wave.study, plan=plan, frame=frame, wave=wave)
        found = differences.between(wave, plan, opens_at, closes_at, now)
        return _differs(wave, found, "")
    by = _by(options)
    with transaction.atomic():
        version = planning.propose_change(
            by=by,
            wave=wave,
            plan=plan,
            opens_at=opens_at,
            closes_at=closes_at,
            instrument=_version(wave.study, options["instrument"]),
            now=now,
        )
        found = differences.difference(version, now)
        if options["apply"]:
            planning.apply_change(by=by, version=version, now=now)
    return _differs(wave, found, version.state)


def _says_something(options: dict[str, Any]) -> bool:
    return _plans(options) or any(options[name] for name in ("opens", "closes", "instrument"))


def _plans(options: dict[str, Any]) -> bool:
    names = (
        "plan",
        "steps",
        "remind",
        "cohort",
        "place",
        "language",
        "only",
        "but",
        "at_most",
        "soft_launch",
    )
    return any(options[name] for name in names)


def _by(options: dict[str, Any]) -> Actor:
    if not options["by"]:
        raise WrongCall(_("Say who plans it: --by, a user name. Their roles decide."))
    return Actor.staff(options["by"])


def _plan_of(options: dict[str, Any]) -> Plan:
    if options["plan"]:
        return Plan.from_json(_read(options["plan"]))
    usual = usual_plan(reminder_days=options["remind"]).as_json()["steps"]
    soft = dict(zip(("first", "days", "limit"), (options["soft_launch"] or "").split(":"), strict=False))
    return Plan.from_json(
        {
            "steps": [_pair(one, "kind", "days") for one in options["steps"]] if options["steps"] else usual,
            "sample": {
                "cohorts": options["cohort"],
                "places": options["place"],
                "languages": options["language"],
                "only": [_pair(one, "wave", "event") for one in options["only"]],
                "but": [_pair(one, "wave", "event") for one in options["but"]],
                "at_most": options["at_most"],
            },
            "soft_launch": soft if options["soft_launch"] else None,
        }
    )


def _pair(text: str, first: str, second: str) -> dict[str, str]:
    before, colon, after = text.partition(":")
    if not colon:
        raise WrongCall(_("Write it with a colon, as reminder:7 or 2023:completed."))
    return {first: before, second: after}


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(_("The plan can't be read: give a file with JSON in it.")) from error


def _told(found: Forecast, name: str) -> Answer:
    data = {"wave": name, **found.as_json()}
    reasons = Counter(reason for _code, reason in found.left_out)
    lines = [
        _("%(wave)s, run dry: %(letters)d letters to %(sample)d members.")
        % {"wave": name, "letters": found.letters, "sample": found.sample},
        *(f"  {sentence}" for sentence in data["assumed"]),
        *(
            f"{day['day']}  {day['letters']:>7}  "
            + "  ".join(f"{language} {letters}" for language, letters in day["by_language"].items())
            for day in data["days"]
        ),
        _("Left out: %(count)d") % {"count": len(found.left_out)},
        *(f"  {reason}: {number}" for reason, number in sorted(reasons.items())),
        *(f"  {code}  {reason}" for code, reason in found.left_out),
        _("Letters that would wait past the close: %(count)d") % {"count": len(found.past_close)},
        *(f"  {code}  {one.kind.value} {one.ordinal}  {one.reason.value}" for code, one in found.past_close),
    ]
    return Answer(data, lines)


def _differs(wave: Wave, found: Difference, state: str) -> Answer:
    data = {"wave": wave.name, "state": state, **found.as_json()}
    lines = [f"{change.label}: {found.of(change)}" for change in Change]
    lines += [
        f"  {one['change']}  {one['letter']} {one['number']}  {one['day_before'] or '–'} → {one['day_now'] or '–'}  "
        + " ".join(one["codes"])
        for one in data["changes"]
    ]
    return Answer(data, lines)


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise WrongCall(_("A time is written as 2023-10-01T10:00."))
    return make_aware(moment) if is_naive(moment) else moment


def _version(study: Study, text: str | None) -> InstrumentVersion | None:
    if not text:
        return None
    slug, colon, number = text.partition(":")
    if colon and not number.isdecimal():
        raise WrongCall(_("A questionnaire is named as SLUG (its newest version) or SLUG:VERSION."))
    return instruments.approved(study, slug, int(number) if colon else None)
