"""The command: exit status 0 done, 1 refused, 2 wrong call."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from panel.audit.rules import Actor
from panel.instruments.models import InstrumentVersion
from panel.members import services as members
from tests.instruments.forms import END, EXITNORWAY, item, page, xlsx

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _study():
    members.create_study(
        by=Actor.system("test"),
        now=datetime(2023, 9, 1, tzinfo=UTC),
        slug="exitnorway",
        name="EXITNORWAY",
        institution="Example University",
        public_name="A study of everyday life",
        contact_email="study@example.org",
        default_language="uk",
        languages=["uk", "ru", "en", "nb"],
    )


def run(path, *more, study="exitnorway"):
    call_command("import_form", str(path), "--study", study, "--slug", "main", *more)


def refused(path, *more, study="exitnorway"):
    with pytest.raises(CommandError) as caught:
        run(path, *more, study=study)
    assert caught.value.returncode == 1
    return str(caught.value)


def test_a_form_is_taken_in_and_approved(capsys):
    run(EXITNORWAY, "--approve", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["status"], told["items"]) == (1, "approved", 26)
    assert told["languages"] == ["en", "nb", "ru", "uk"]


def test_running_it_again_changes_nothing(capsys):
    run(EXITNORWAY, "--approve")
    run(EXITNORWAY, "--approve")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[1] == "main, version 1: 9 pages, 26 questions, approved."
    assert InstrumentVersion.objects.count() == 1


def test_what_is_wrong_is_told_with_status_1(tmp_path):
    wrong = tmp_path / "wrong.xlsx"
    wrong.write_bytes(xlsx([page(), item(klass=None), END]))
    assert "row 3" in refused(wrong)
    assert "can't be read" in refused(tmp_path / "nowhere.xlsx")
    assert "no study" in refused(EXITNORWAY, study="nowhere")
    assert not InstrumentVersion.objects.exists()
