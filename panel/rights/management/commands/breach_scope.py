"""`breach-scope`: which members' data, and which kinds, were within reach in a span of time. Writes nothing."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from panel import clock
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.rights import breach
from panel.rights.breach import Scope

OSLO = ZoneInfo("Europe/Oslo")
NOTHING = "Nothing was opened in this span, by the audit trail, and no letter was sent."


class Command(ServiceCommand):
    """Days and times are Norway's. Codes are printed only when asked for."""

    help = "Say what a breach in a span of time may have reached."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="since", required=True, help="day or moment, as 2024-03-01T10:00")
        parser.add_argument("--to", dest="until", required=True, help="the same; a day counts to its end")
        parser.add_argument(
            "--zone",
            action="append",
            default=[],
            choices=breach.ZONES,
            help="a database, or the mail, that was copied",
        )
        parser.add_argument("--aware", default="", help="when it was noticed; now unless said")
        parser.add_argument("--codes", action="store_true", help="list the members' codes")

    def act(self, **options: Any) -> Answer:
        since, until = _moment(options["since"]), _moment(options["until"], end=True)
        if since >= until:
            raise WrongCall("--to must be after --from.")
        found = breach.scope(since=since, until=until, lost=options["zone"])
        aware = _moment(options["aware"]) if options["aware"] else clock.now()
        data = _data(found, aware + breach.DEADLINE, with_codes=options["codes"])
        return Answer(data, _lines(data))


def _moment(text: str, *, end: bool = False) -> datetime:
    """A day is its first moment, or with `end` the first of the next."""
    try:
        if len(text) == len("2024-03-01"):
            day = date.fromisoformat(text) + timedelta(days=end)
            return datetime.combine(day, time(), tzinfo=OSLO)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongCall(f"{text} is no day and no moment, as 2024-03-01 or 2024-03-01T10:00.") from error
    return found if found.tzinfo else found.replace(tzinfo=OSLO)


def _data(found: Scope, deadline: datetime, *, with_codes: bool) -> dict[str, Any]:
    reached = not found.is_empty or bool(found.thief)
    return {
        "from": found.since,
        "to": found.until,
        "nothing": not reached,
        "members": {study: len(codes) for study, codes in found.codes.items()},
        "openings": [vars(one) for one in found.openings],
        "letters_sent": found.letters,
        "roles": found.roles,
        "lost": found.thief,
        "report_by": deadline if reached else None,
        **({"codes": found.codes} if with_codes else {}),
    }


def _lines(data: dict[str, Any]) -> list[str]:
    if data["nothing"]:
        return [NOTHING]
    lines = [
        f"{study}: data of {number} members were within reach." for study, number in data["members"].items()
    ]
    lines += [f"{one['actor']}: {one['verb']} ({one['data']}), {one['number']}" for one in data["openings"]]
    lines += [
        f"{actor} could read what these roles open: {', '.join(held) or 'none'}"
        for actor, held in data["roles"].items()
    ]
    lines += [f"{data['letters_sent']} letters were sent."]
    for zone, has in data["lost"].items():
        lines += [f"A thief of {zone} alone has: {has['alone']}"]
        lines += [f"  {kind}: {', '.join(fields)}" for kind, fields in has["fields"].items()]
    lines += [f"{study}: {' '.join(codes)}" for study, codes in data.get("codes", {}).items()]
    return [
        *lines,
        f"Datatilsynet is told by {data['report_by']:%Y-%m-%d %H:%M}: {breach.HOURS} hours from when it was noticed "
        "(GDPR 33), unless a risk to people is unlikely; the decision is written down either way.",
        "Members are told without delay where the risk to them is high (GDPR 34): a notice to everybody of a study.",
    ]
