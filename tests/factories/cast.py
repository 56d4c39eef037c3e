"""The shared cast, so that tests of access read like a story; all reached through the product's services.

Amal is a member. Signe coordinates, Vera keeps contacts, Ines researches, Ravn reviews, Liv leads, Dag is the
data-protection officer. Tor coordinates another study and has no business in this one.
"""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from consent import services as consent
from panel.audit.rules import Actor
from panel.enrolment import services as enrolment
from panel.enrolment.services import EnrolmentResult
from panel.keys import services as keys
from panel.members import services as members
from panel.members.models import PanelMember, Study
from panel.members.rules import Role
from tests.factories import ready, recruits

NOW = datetime(2022, 9, 1, 12, tzinfo=ZoneInfo("Europe/Oslo"))
SYSTEM = Actor.system("test")
SIGNE, VERA, INES, RAVN, LIV, DAG, TOR = map(
    Actor.staff, ("signe", "vera", "ines", "ravn", "liv", "dag", "tor")
)
ROLES = {
    LIV: Role.LEADER,
    SIGNE: Role.COORDINATOR,
    VERA: Role.KEEPER,
    INES: Role.RESEARCHER,
    RAVN: Role.REVIEWER,
    DAG: Role.DPO,
}


def user(actor: Actor) -> User:
    """The log-in of a staff actor, made at first need."""
    found: User = get_user_model().objects.get_or_create(
        username=actor.name, defaults={"is_staff": True, "password": "!"}
    )[0]
    return found


def data(name: str) -> Any:
    """One of the example's JSON files."""
    return json.loads((recruits.DATA / name).read_text(encoding="utf-8"))


def bare_study(slug: str = "exitnorway", **changes: Any) -> Study:
    """A study with the example's mapping and hierarchies, and nobody in it."""
    fields = {
        "slug": slug,
        "name": "EXITNORWAY",
        "institution": "Nordhavn institutt",
        "public_name": "Livet nå",
        "contact_email": "livet@nordhavn.example.org",
        "languages": ["nb", "en", "uk", "ru"],
        "recruitment": data("recruitment.json"),
        "disclosure": data("disclosure.json"),
        **ready.FIELDS,
    }
    return members.create_study(by=SYSTEM, now=NOW, **{**fields, **changes})


def study(slug: str = "exitnorway", **changes: Any) -> Study:
    """With its staff and its consent form, ready to enrol into. Tor has a study of his own."""
    keys.initialise(today=NOW.date())
    made = bare_study(slug, **changes)
    for actor, role in ROLES.items():
        members.assign_role(by=SYSTEM, user=user(actor), study=made, role=role, now=NOW)
    if not Study.objects.filter(slug="another").exists():
        another = bare_study("another")
        members.assign_role(by=SYSTEM, user=user(TOR), study=another, role=Role.COORDINATOR, now=NOW)
    consent.import_form(study_key=made.key, document=data("consent_2022-06-01.json"), day=NOW.date())
    return ready.assessed(made, now=NOW)


def enrol(of: Study, *rows: recruits.Row, now: datetime = NOW) -> EnrolmentResult:
    """These rows as a recruitment file."""
    return enrolment.enrol(by=SYSTEM, study=of, data=recruits.csv_of(*rows), suffix=".csv", now=now)


def amal(of: Study, **changes: str) -> PanelMember:
    """Amal, enrolled from a file of one row; `changes` to that row."""
    return people(of, 1, changes=changes)[0]


def people(
    of: Study, number: int, *, start: int = 1, changes: dict[str, str] | None = None
) -> list[PanelMember]:
    """So many members, enrolled from one file: amal@example.org, m2@example.org, and so on."""
    known = set(of.members.values_list("pk", flat=True))
    enrol(of, *(recruits.row(n, **(changes or {})) for n in range(start, start + number)))
    return list(of.members.exclude(pk__in=known).select_related("study").order_by("code"))
