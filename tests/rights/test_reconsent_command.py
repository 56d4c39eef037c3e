"""`consent_form` and `reconsent` for operators: the same services, JSON for machines, status 1 and 2 for refusals."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consent.models import ConsentForm
from panel import clock
from panel.members.models import Hold, Study
from tests.consent.documents import whole_document
from tests.factories import cast, forms

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(monkeypatch) -> Study:
    monkeypatch.setattr(clock, "now", lambda: cast.NOW)
    made = cast.study()
    cast.people(made, 3)
    return made


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "form.json"
    path.write_text(json.dumps(whole_document("2024-03-01")), encoding="utf-8")
    return path


def run(capsys, *words: Any) -> Any:
    call_command(*(str(word) for word in words), "--json")
    return json.loads(capsys.readouterr().out)


def test_a_form_is_drafted_from_a_file_and_what_it_lacks_is_told(study, file, capsys):
    by = ("--study", study.slug, "--by", "signe")
    told = run(capsys, "consent_form", file, *by)
    assert told == {"study": study.slug, "version": "2024-03-01", "status": "draft", "lacks": []}
    assert ConsentForm.objects.get(version="2024-03-01").writers == ["signe"]
    file.write_text('{"version": "2025"}')
    call_command("consent_form", str(file), *by)
    assert "“what the study is for” (nb, en, uk, ru)" in capsys.readouterr().out


def test_a_form_people_signed_is_kept_as_a_proof_by_a_leader(study, file, capsys):
    with pytest.raises(CommandError, match="project leader"):
        run(capsys, "consent_form", file, "--study", study.slug, "--by", "signe", "--signed")
    told = run(capsys, "consent_form", file, "--study", study.slug, "--by", "liv", "--signed")
    assert (told["status"], told["lacks"]) == ("approved", [])
    assert ConsentForm.objects.get(version="2024-03-01").approved_by == ""


@pytest.mark.parametrize("content", [None, "no json", "[]"])
def test_a_file_that_is_no_form_is_refused(study, file, content):
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(CommandError, match="JSON in UTF-8"):
        call_command("consent_form", str(file), "--study", study.slug, "--by", "signe")


def test_a_run_from_start_to_close(study, capsys):
    forms.approved(study, now=cast.NOW)
    begun = run(capsys, "reconsent", "start", "--study", study.slug, "--by", "liv")
    assert (begun["asked"], begun["answered"], begun["open"]) == (3, 0, True)
    assert begun["cohorts"] == [{"cohort": "2022", "asked": 3, "written_to": 3, "answered": 0}]
    assert run(capsys, "reconsent", "status", "--study", study.slug) == begun
    closed = run(capsys, "reconsent", "close", "--study", study.slug, "--by", "liv", "--lift")
    assert (closed["open"], closed["holds_lifted"]) == (False, True)
    assert not Hold.objects.filter(lifted_at=None).exists()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("status",), 1, "ever begun"),
        (("start",), 2, "--by"),
        (("close", "--by", "liv", "--keep"), 1, "ever begun"),
        (("start", "--by", "signe"), 1, "project leader"),
    ],
)
def test_what_can_not_be_done_ends_with_its_status(study, words, status, sentence):
    forms.approved(study, now=cast.NOW)
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("reconsent", *words, "--study", study.slug)
    assert refused.value.returncode == status


def test_a_close_says_what_becomes_of_the_silent(study):
    forms.asked(study, now=cast.NOW)
    with pytest.raises(CommandError, match="--lift or --keep") as refused:
        call_command("reconsent", "close", "--study", study.slug, "--by", "liv")
    assert refused.value.returncode == 2


def test_without_an_approved_form_nothing_is_asked(study):
    ConsentForm.objects.filter(approved_by__gt="").update(status="retired")
    with pytest.raises(CommandError, match="no approved consent form"):
        call_command("reconsent", "start", "--study", study.slug, "--by", "liv")
