"""LAW-01: the record of processing (GDPR 30) is printed from the models, the studies, the roles and the settings."""

import io
import json

import pytest
from django.apps import apps
from django.core.management import call_command

from panel.members.rules import ROLES
from tests.factories import cast

pytestmark = pytest.mark.django_db
OURS = [m for m in apps.get_models() if m.__module__.split(".")[0] in {"panel", "consent"}]


def run(*words):
    out = io.StringIO()
    call_command("ropa", *words, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def study():
    made = cast.study()
    cast.people(made, 3)
    return made


def test_law_01_every_field_of_every_model_is_in_the_record():
    found = json.loads(run("--json"))
    listed = {
        (table["table"], name)
        for table in found["tables"]
        for names in table["fields"].values()
        for name in names
    }
    assert listed == {(model._meta.label, name) for model in OURS for name in model.Privacy.classes}
    assert {table["database"] for table in found["tables"]} == {"default", "vault", "keystore"}


@pytest.mark.parametrize(
    "told",
    [
        "## EXITNORWAY (`exitnorway`)", "- Controller: Nordhavn institutt", "- Legal basis: consent",
        "- Data-protection officer: personvernombud@example.org", "- Assessed by Sikt: 000000, 2022-05-02",
        "- People: 3 members, 3 records of recruitment", "- project leader (1): ", "vault.Card | code, email",
        "archiving for reuse", "Nobody is named. Fill in the setting PROCESSORS", "## Security measures",
    ],
)  # fmt: skip
def test_law_01_an_officer_can_read_it(told):
    assert told in run("--study", "exitnorway")


def test_law_01_it_names_all_roles_and_who_processes_for_the_institution(settings):
    settings.PROCESSORS = [{"name": "Host AS", "what": "runs the servers", "where": "Oslo"}]
    text = run()
    assert "- Host AS: runs the servers (Oslo)" in text
    assert all(f"- {card.name} (" in text for card in ROLES.values())
    assert "`another`" in text


def test_law_01_it_holds_nobody_s_data(study):
    text = run() + run("--json")
    assert "amal@example.org" not in text
    assert not [code for code in study.members.values_list("code", flat=True) if code in text]
