"""A study that can send: staff, approved letters and questionnaire, consented members with cards, an open
wave.

Every state is reached through the product's own services. Addresses are invented, under example.org.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model

from consent import services as consent
from consent.rules import NewEntry, text_hash
from panel.audit.rules import Actor
from panel.instruments import services as instruments
from panel.instruments.models import InstrumentVersion
from panel.invitations import services as outbox
from panel.invitations.sending import send_chunk
from panel.keys import services as keys
from panel.members import rules as codes
from panel.members import services as members
from panel.members.models import PanelMember, StaffRole, Study
from panel.vault import services as vault
from panel.vault.rules import ContactData
from panel.waves import services as waves
from panel.waves.models import Wave
from tests.factories import ready
from tests.instruments.forms import END, item, page, xlsx

DEMO = Path(__file__).parents[2] / "panel" / "demo"
OSLO = ZoneInfo("Europe/Oslo")
#: A Monday, within the hours in which letters go.
NOON = datetime(2023, 10, 2, 12, tzinfo=OSLO)
SYSTEM = Actor.system("test")
SIGNE = Actor.staff("signe")
TOR = Actor.staff("tor")
LIV = Actor.staff("liv")
LANGUAGES = ("nb", "en", "uk", "ru")
AGREED = {
    "version": "v1",
    "questions": {
        "recontact": {"grants": ["waves"], **{lang: f"May we write? ({lang})" for lang in LANGUAGES}}
    },
}


def study(slug: str = "livet", **changes: object) -> Study:
    """With Signe as its coordinator and Liv as its leader."""
    fields: dict[str, object] = {
        "slug": slug,
        "name": "Exit Norway",
        "institution": "Instituttet",
        "public_name": "Livet nå",
        "contact_email": "studie@example.org",
        "how_to_check": json.dumps({lang: f"studie@example.org ({lang})" for lang in LANGUAGES}),
        "languages": list(LANGUAGES),
        **ready.FIELDS,
        **changes,
    }
    made = members.create_study(by=SYSTEM, now=NOON, **fields)
    for name, role in (("signe", StaffRole.Role.COORDINATOR), ("liv", StaffRole.Role.LEADER)):
        user, _new = get_user_model().objects.get_or_create(username=name)
        members.assign_role(by=SYSTEM, user=user, study=made, role=role, now=NOON)
    consent.import_form(study_key=made.key, document={**AGREED, "study": slug}, day=NOON.date())
    return ready.assessed(made, now=NOON)


def with_letters(of: Study) -> Study:
    """The example study's letters, approved."""
    return ready.with_letters(of, now=NOON, by=LIV)


@cache
def _form() -> bytes:
    made: bytes = xlsx([page(), item(), END])
    return made


def version(of: Study, form: bytes | None = None) -> InstrumentVersion:
    """A questionnaire, of one question unless told, approved."""
    made = instruments.import_instrument(
        by=SYSTEM, study=of, slug="small", title="Small", source=form or _form(), now=NOON
    )
    InstrumentVersion.objects.filter(pk=made.pk).update(languages=list(LANGUAGES))
    made.refresh_from_db()
    return instruments.approve_version(by=SYSTEM, version=made, now=NOON)


def agree(of: Study, subjects: Sequence[PanelMember]) -> None:
    """Their yes to further waves, in the ledger."""
    consent.record(
        [
            NewEntry(
                of.key, one.code, "waves", "imported", "v1", text_hash(f"May we write? ({language})"),
                language, "recruitment file", NOON.date(),
            )
            for one in subjects
            for language in [one.language if one.language in LANGUAGES else of.default_language]
        ]
    )  # fmt: skip


def people(
    of: Study, number: int = 1, *, start: int = 0, cohort: str = "2022", **new: object
) -> list[PanelMember]:
    """Consented members with cards: m0@example.org in nb, m1@example.org in en, and so on."""
    keys.initialise(today=NOON.date())
    language = new.pop("language", None)
    admitted = [
        members.NewMember(codes.member_code(), str(language or LANGUAGES[n % 4]), **new)
        for n in range(start, start + number)
    ]
    cards = [
        ContactData(one.code, f"m{n}@example.org", f"Navn{n}", f"Etternavn{n}")
        for n, one in enumerate(admitted, start=start)
    ]
    vault.store_cards(cards, today=NOON.date())
    made = members.admit(study=of, new=admitted, cohort=cohort, today=NOON.date())
    agree(of, made)
    return made


def planned(of: Study, name: str = "w2023", **changes: Any) -> Wave:
    """A wave from yesterday over thirty days, reminders after 7 and 14."""
    plan: dict[str, Any] = {
        "name": name,
        "number": 1,
        "opens_at": NOON - timedelta(days=1),
        "closes_at": NOON + timedelta(days=30),
        "reminder_days": [7, 14],
        **changes,
    }
    instrument = plan.pop("instrument", None) or version(of)
    return waves.plan_wave(by=SIGNE, study=of, instrument=instrument, now=NOON, **plan)


def opened(of: Study, **changes: Any) -> Wave:
    """Planned, approved and opened by the clock; its sample are the members there are now."""
    wave = planned(of, **changes)
    waves.approve_wave(by=LIV, wave=wave, now=NOON)
    waves.turn(now=NOON)
    wave.refresh_from_db()
    return wave


def send_all(now: datetime = NOON) -> int:
    """What beat and the workers do in one round, in this process."""
    outbox.queue_due(now=now)
    return sum(send_chunk(claim=chunk.claim, now=now) for chunk in outbox.dispatch(now=now))
