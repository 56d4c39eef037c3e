"""`study_status` and `letters`: what a study lacks for an operator, and how its letters come in (NO-01)."""

import io
import json

import pytest
from django.core.management import call_command

from panel.commands import Refused
from panel.invitations import readiness
from panel.invitations.models import Letter
from tests.factories import fielding as f
from tests.factories import ready

pytestmark = pytest.mark.django_db


def told(*words):
    out = io.StringIO()
    try:
        call_command(*words, stdout=out)
    except Refused as refused:
        return out.getvalue(), str(refused)
    return out.getvalue(), ""


def test_no_01_study_status_names_each_gap_and_ends_with_status_1():
    f.study(sikt_reference="", dpo_contact="")
    text, refused = told("study_status", "livet")
    assert "Fill in the reference of Sikt’s assessment." in text
    assert refused == "Nothing is sent until these are there."
    data = json.loads(told("study_status", "livet", "--json")[0])
    assert data["ready"] is False
    assert [gap["what"] for gap in data["missing"]][:2] == ["sikt_reference", "dpo_contact"]


def test_no_01_study_status_of_a_ready_study():
    f.with_letters(f.study())
    assert told("study_status", "livet") == ("Nothing is missing: letters may go.\n", "")


def test_letters_come_in_as_drafts_and_are_approved_by_the_leader_only():
    study = ready.with_form(f.study(), now=f.NOON)
    files = [str(file) for file in sorted(ready.LETTERS.glob("*.json"))]
    told("letters", "livet", *files, "--by", "signe")
    assert Letter.objects.filter(study=study, approved_at=None).count() == Letter.objects.count() > 0
    assert "project leader" in told("letters", "livet", "--approve", "--by", "signe")[1]
    text, _refused = told("letters", "livet", "--approve", "--by", "liv", "--json")
    assert json.loads(text)["approved"] == Letter.objects.count()
    assert readiness.missing(study) == []


@pytest.mark.parametrize(("content", "word"), [("[]", "object"), ("{", "JSON"), ("{}", "letters")])
def test_a_file_that_is_none_is_refused(tmp_path, content, word):
    f.study()
    file = tmp_path / "letters.json"
    file.write_text(content)
    assert word in told("letters", "livet", str(file), "--by", "signe")[1]
