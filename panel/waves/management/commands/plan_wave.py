"""`plan_wave`: plans a wave for an operator and, where asked, approves it; by the services of the desk."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.instruments import selectors as instruments
from panel.instruments.models import InstrumentVersion
from panel.members import selectors as members
from panel.members.models import Study
from panel.waves import services


class Command(ServiceCommand):
    """Who plans is named; their roles decide, as at the desk."""

    help = "Plan a wave."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("wave", help="the wave's name")
        parser.add_argument("--by", required=True, help="user name of who plans it")
        parser.add_argument("--number", type=int, required=True, help="1 for the first after recruitment")
        parser.add_argument("--instrument", required=True, help="SLUG (its newest approved) or SLUG:VERSION")
        parser.add_argument("--opens", required=True, help="as 2023-10-01T10:00 (Norwegian time)")
        parser.add_argument("--closes", required=True)
        parser.add_argument("--remind", type=int, nargs="*", default=[], help="days after the invitation")
        parser.add_argument("--cohort", nargs="*", default=[], help="cohorts drawn; all if none is named")
        parser.add_argument("--approve", action="store_true", help="approve it too: draws the sample")

    def act(self, **options: Any) -> Answer:
        study, by, now = members.study(options["study"]), Actor.staff(options["by"]), clock.now()
        with transaction.atomic():  # a wave whose approval is refused isn't left behind as a plan
            wave = services.plan_wave(
                by=by,
                study=study,
                name=options["wave"],
                number=options["number"],
                instrument=_version(study, options["instrument"]),
                opens_at=_moment(options["opens"]),
                closes_at=_moment(options["closes"]),
                reminder_days=options["remind"],
                cohorts=options["cohort"],
                now=now,
            )
            cases = services.approve_wave(by=by, wave=wave, now=now) if options["approve"] else 0
        data = {"study": study.slug, "wave": wave.name, "status": wave.status, "cases": cases}
        return Answer(data, [_("%(wave)s is %(status)s; cases: %(cases)d.") % data])


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise WrongCall(_("A time is written as 2023-10-01T10:00."))
    return make_aware(moment) if is_naive(moment) else moment


def _version(study: Study, text: str) -> InstrumentVersion:
    slug, colon, number = text.partition(":")
    if colon and not number.isdecimal():
        raise WrongCall(_("A questionnaire is named as SLUG (its newest version) or SLUG:VERSION."))
    return instruments.approved(study, slug, int(number) if colon else None)
