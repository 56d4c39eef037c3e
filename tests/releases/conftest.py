"""A study with a closed wave: enrolled from a file, answered page by page, by the product's own services."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from consent import services as consent
from panel.audit.rules import Actor
from panel.enrolment import services as enrolment
from panel.instruments import services as instruments
from panel.instruments.models import InstrumentVersion
from panel.instruments.selectors import questionnaire
from panel.keys import services as keys
from panel.members import services as members
from panel.members.models import Study
from panel.members.rules import Role
from panel.responses.services import save_page
from panel.waves import services as waves
from panel.waves.models import Case, Wave
from tests.instruments.forms import DATA, END, item, option, page, sent, xlsx

NOW = datetime(2023, 10, 1, 10, tzinfo=UTC)
SYSTEM = Actor.system("test")
INES, RAVN, LIV = Actor.staff("ines"), Actor.staff("ravn"), Actor.staff("liv")
PLACES = ("in_norway", "returned", "moved_on", "not_said")
GONE = "${where_live} = 'returned' or ${where_live} = 'moved_on'"
CANARY = "Canary free text"

SURVEY = [
    page("now"),
    item(
        "select_one where", "where_live", "sensitive", gj_sensitive="returned moved_on", gj_residency="status"
    ),
    END,
    page("reasons", relevant=GONE),
    item(
        "select_multiple why",
        "why",
        "sensitive",
        gj_release="tables",
        choice_filter="selected(gj_offered_to, ${where_live})",
    ),
    END,
    page("life"),
    item("select_one work", "work", "quasi", gj_hierarchy="work"),
    item("select_one home", "home"),
    item("text", "remark", "free_text"),
    item("select_one yn", "interview", "internal"),
    END,
]
CHOICES = [
    *(option(code, "where", gj_missing="refusal" if code == "not_said" else "") for code in PLACES),
    option("longing", "why", gj_offered_to="returned", gj_factor="individual"),
    option("family", "why", gj_offered_to="returned", gj_factor="familial"),
    option("family", "why", gj_offered_to="moved_on", gj_factor="familial"),
    option("no_work", "why", gj_offered_to="returned moved_on", gj_factor="structural"),
    option("language", "why", gj_offered_to="moved_on", gj_factor="structural"),
    *(option(code, "work") for code in ("full_time", "part_time", "seeking")),
    *(option(code, "home") for code in ("ukraine", "norway")),
    option("yes", "yn"),
    option("no", "yn"),
]
DISCLOSURE = {
    "background": ["gender", "birth_year"],
    "hierarchies": {
        "gender": ["*"],
        "birth_year": [["1920-1972", "1973-1987", "1988-2007"], ["1920-1987", "1988-2007"], "*"],
        "work": [{"full_time": "working", "part_time": "working", "seeking": "seeking"}, "*"],
        "county": ["*"],
        "arrival_month": ["*"],
        "education": ["*"],
        "family": ["*"],
        "partner_in_ukraine": ["*"],
        "children": ["*"],
    },
}


@dataclass(frozen=True)
class Fielded:
    """A study, its closed wave and the cases that answered."""

    study: Study
    wave: Wave
    cases: Sequence[Case]


@pytest.fixture
def fielded(db: None) -> Fielded:
    """Eighty people answered; ten returned, six moved on."""
    study = a_study("livet")
    enrol(study)
    wave = a_wave(study)
    cases = list(
        Case.objects.filter(wave=wave).select_related("wave__instrument", "member").order_by("member__code")
    )[:80]
    for number, case in enumerate(cases):
        answer(case, answers_of(number))
    waves.turn(now=NOW + timedelta(days=40))
    wave.refresh_from_db()
    return Fielded(study, wave, cases)


def a_study(slug: str) -> Study:
    fields = {
        "slug": slug,
        "name": slug,
        "institution": "Instituttet",
        "public_name": "Livet nå",
        "contact_email": "studie@example.org",
        "default_language": "en",
        "languages": ["en", "nb", "uk", "ru"],
        "recruitment": json.loads((DATA / "recruitment.json").read_text(encoding="utf-8")),
        "disclosure": DISCLOSURE,
    }
    study = members.create_study(by=SYSTEM, now=NOW, **fields)
    for name, role in (("ines", Role.RESEARCHER), ("ravn", Role.REVIEWER), ("liv", Role.LEADER)):
        give(study, name, role)
    return study


def give(study: Study, name: str, role: Role) -> None:
    user, _new = get_user_model().objects.get_or_create(username=name)
    members.assign_role(by=SYSTEM, user=user, study=study, role=role, now=NOW)


def enrol(study: Study, lines: int = 180, *, blank: str = "") -> None:
    """The first lines of the example's file, the column `blank` left empty."""
    keys.initialise(today=NOW.date())
    document = json.loads((DATA / "consent_2022-06-01.json").read_text(encoding="utf-8"))
    consent.import_form(study_key=study.key, document={**document, "study": study.slug}, day=NOW.date())
    file = (DATA / "survey_2022.csv").read_text(encoding="utf-8-sig").splitlines(keepends=True)[:lines]
    rows = csv.DictReader(file, delimiter=";")
    out = io.StringIO()
    written = csv.DictWriter(out, rows.fieldnames or (), delimiter=";")
    written.writeheader()
    written.writerows(row | ({blank: ""} if blank else {}) for row in rows)
    enrolment.enrol(by=SYSTEM, study=study, data=out.getvalue().encode(), suffix=".csv", now=NOW)


def a_wave(study: Study, survey: Sequence[dict] = SURVEY) -> Wave:
    form = xlsx(survey, CHOICES, allow_choice_duplicates="yes")
    version = instruments.import_instrument(by=SYSTEM, study=study, slug="w", title="W", source=form, now=NOW)
    InstrumentVersion.objects.filter(pk=version.pk).update(languages=study.languages)
    version.refresh_from_db()
    wave = waves.plan_wave(
        by=SYSTEM,
        study=study,
        name="2023",
        number=1,
        instrument=instruments.approve_version(by=SYSTEM, version=version, now=NOW),
        opens_at=NOW,
        closes_at=NOW + timedelta(days=30),
        reminder_days=[7],
        now=NOW,
    )
    waves.approve_wave(by=SYSTEM, wave=wave, now=NOW)
    waves.turn(now=NOW)
    wave.refresh_from_db()
    return wave


def answers_of(number: int) -> dict:
    """By number: ten returned, six moved on, one prefers not to say, the others live in Norway."""
    place = (
        "returned"
        if number < 10
        else "moved_on"
        if number < 16
        else "not_said"
        if number == 16
        else "in_norway"
    )
    why = {"returned": ["longing", "family"][: 1 + number % 2], "moved_on": ["no_work"]}
    return {
        "where_live": place,
        "why": why.get(place),
        "work": ("full_time", "part_time", "seeking")[number % 3],
        "home": ("ukraine", "norway")[number % 2],
        "remark": f"{CANARY} {number}",
        "interview": "no",
    }


def answer(case: Case, answers: dict) -> None:
    """Page by page to the end, as a browser sends them."""
    form, name, revision = questionnaire(case.wave.questions), "now", 0
    while name:
        raw = sent(form, name, answers)
        saved = save_page(case=case, page=name, raw=raw, language="en", revision=revision, now=NOW)
        assert not saved.errors, saved.errors
        name, revision = saved.next_page or "", saved.response.revision
