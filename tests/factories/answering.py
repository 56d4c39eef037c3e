"""The example's questionnaire in the field, for tests of answers, stops and pages.

Amal (uk) and another member (nb) are in it. The wave is open from OPENS to CLOSES. No card is stored unless
a test asks for it (`with_cards`).
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from unittest.mock import patch

from consent import services as ledger
from consent.models import ConsentEntry, ConsentText
from panel.audit.rules import Actor
from panel.instruments import services as instruments
from panel.instruments.xlsform import compile_form
from panel.invitations import links
from panel.invitations.models import Link
from panel.keys import services as keys
from panel.members import services as members
from panel.members.models import PanelMember, Study
from panel.members.rules import member_code
from panel.vault import services as vault
from panel.vault.rules import ContactData
from panel.waves import services as waves
from panel.waves.models import Case, Wave
from tests.factories import ready
from tests.instruments.forms import EXITNORWAY

SYSTEM = Actor.system("test")
OPENS = datetime(2023, 10, 1, 8, tzinfo=UTC)
NOW = datetime(2023, 10, 5, 9, tzinfo=UTC)
CLOSES = datetime(2023, 10, 31, 21, tzinfo=UTC)
CONSENT = Path(__file__).parents[2] / "panel/demo/data/consent_2022-06-01.json"


@dataclass
class Field:
    """What the tests of answers, stops and pages start from."""

    study: Study
    wave: Wave
    amal: PanelMember
    other: PanelMember

    def case(self, member: PanelMember | None = None) -> Case:
        """A member's case, read anew; Amal's unless told."""
        cases = Case.objects.select_related("wave__study", "wave__instrument", "member__study")
        return cases.get(wave=self.wave, member=member or self.amal)

    def token(self, use: Link.Use = Link.Use.ANSWER, member: PanelMember | None = None) -> str:
        """A link as a letter would hold it."""
        case = self.case(member)
        return links.mint_many([links.NewLink(use, case.member, case)], today=NOW.date())[0]


#: The form is the same for all these tests and never changes: compiled once in a run.
_compiled = cache(compile_form)


def a_study(slug: str = "everyday") -> Study:
    """A study with its consent form and nobody in it."""
    study = members.create_study(
        by=SYSTEM,
        now=OPENS,
        slug=slug,
        name="EVERYDAY",
        institution="Example University",
        public_name="A study of everyday life",
        contact_email="study@example.org",
        default_language="uk",
        languages=["uk", "ru", "en", "nb"],
        retention_until=date(2030, 12, 31),
        **ready.FIELDS,
    )
    document = json.loads(CONSENT.read_text(encoding="utf-8"))
    ledger.import_form(study_key=study.key, document=document, day=date(2022, 6, 1))
    return ready.assessed(study, now=OPENS)


def consenting(study: Study, *languages: str) -> list[PanelMember]:
    """Members who agreed to both questions of the form, one for each language given."""
    new = [members.NewMember(code=member_code(), language=language) for language in languages]
    admitted = members.admit(study=study, new=new, cohort="2022", today=date(2022, 6, 1))
    texts = list(ConsentText.objects.filter(form__study_key=study.key))
    ledger.record(
        [
            ledger.NewEntry(
                study_key=study.key, subject=member.code, purpose=purpose,
                action=ConsentEntry.Action.IMPORTED, form_version="2022-06-01",
                text_sha256=text.sha256, language=text.language,
                channel="recruitment file", day=date(2022, 6, 1),
            )
            for member in admitted
            for text in texts
            if text.language == member.language
            for purpose in text.grants
        ]
    )  # fmt: skip
    return admitted


def in_field(form: bytes | None = None, *, slug: str = "everyday") -> Field:
    """A wave that is open, with Amal (uk) and another member (nb) in its sample."""
    study = a_study(slug)
    amal, other = consenting(study, "uk", "nb")
    with patch.object(instruments, "compile_form", _compiled):
        version = instruments.import_instrument(
            by=SYSTEM,
            study=study,
            slug="main",
            title="Main",
            source=form or EXITNORWAY.read_bytes(),
            now=OPENS,
        )
    version = instruments.approve_version(by=SYSTEM, version=version, now=OPENS)
    wave = waves.plan_wave(
        by=SYSTEM, study=study, name="2023", number=1, instrument=version, opens_at=OPENS, closes_at=CLOSES,
        reminder_days=[7, 14], now=OPENS,
    )  # fmt: skip
    waves.approve_wave(by=SYSTEM, wave=wave, now=OPENS)
    waves.turn(now=NOW)
    wave.refresh_from_db()
    return Field(study, wave, amal, other)


def with_cards(*people: PanelMember) -> None:
    """A contact card for each, under invented addresses."""
    keys.initialise(today=OPENS.date())
    cards = [ContactData(one.code, f"{one.language}@example.org", "Amal", "Example") for one in people]
    vault.store_cards(cards, today=OPENS.date())
