"""`manage.py enrol`: what it prints and how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from panel.enrolment.models import RecruitmentRecord
from panel.members.models import PanelMember
from tests.factories import cast
from tests.factories.recruits import DATA, SURVEY, csv_of, row, xlsx_of

ROOT = Path(__file__).parents[2]
FILE = DATA / "survey_2022.csv"

pytestmark = pytest.mark.django_db


def run(capsys: Any, *args: object) -> str:
    call_command("enrol", *map(str, args))
    return str(capsys.readouterr().out)


def test_json_is_what_the_key_says(capsys):
    cast.study()
    key = json.loads((DATA / "survey_2022.key.json").read_text())
    dry = json.loads(run(capsys, FILE, "--study", "exitnorway", "--dry-run", "--json"))
    real = json.loads(run(capsys, FILE, "--study", "exitnorway", "--json"))
    assert dry == {**real, "dry_run": True}
    assert list(real) == ["study", "dry_run", "rows", "wave0_answers", "outcome", "left_out"]
    assert {name: real[name] for name in ("rows", "wave0_answers", "outcome")} == {
        name: key[name] for name in ("rows", "wave0_answers", "outcome")
    }
    assert real["left_out"][0] == {"row": 2, "reason": "no_consent_to_recontact"}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_same_people_from_a_sheet_and_from_text(capsys, tmp_path, suffix):
    cast.study()
    file = tmp_path / f"people{suffix}"
    file.write_bytes((xlsx_of if suffix == ".xlsx" else csv_of)(row(1), row(2)))
    assert json.loads(run(capsys, file, "--study", "exitnorway", "--json"))["outcome"] == {"enrolled": 2}


def test_people_read_counts_and_line_numbers_and_no_cell(capsys, tmp_path):
    cast.study()
    file = tmp_path / "people.csv"
    file.write_bytes(csv_of(row(1), row(2, E_post="amal@example.org"), row(3, E_post="navn at example.org")))
    text = run(capsys, file, "--study", "exitnorway", "--dry-run")
    assert "3 rows (dry run: nothing was written)" in text
    assert "1 share an address" in text
    assert "in lines: 4" in text
    assert "example" not in text
    assert not PanelMember.objects.exists()


@pytest.mark.parametrize(
    "name", ["nothing-there.csv", "a-folder", "empty.csv", "lacks-a-column.csv", "long.csv", "words.pdf"]
)
def test_refused_files_leave_nothing(tmp_path, name):
    cast.study()
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "lacks-a-column.csv").write_bytes(SURVEY.replace(b"Samtykke intervju", b"Intervju", 1))
    (tmp_path / "long.csv").write_bytes(SURVEY + b"x" * 10_001)
    (tmp_path / "words.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(CommandError) as refused:
        call_command("enrol", str(tmp_path / name), "--study", "exitnorway")
    assert refused.value.returncode == 1
    assert not RecruitmentRecord.objects.exists()


def test_an_unknown_study_is_refused():
    with pytest.raises(CommandError) as refused:
        call_command("enrol", str(FILE), "--study", "nowhere")
    assert refused.value.returncode == 1


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["enrol"], 2),
        (["enrol", str(FILE)], 2),
        (["enrol", str(FILE), "--study", "exitnorway", "--again"], 2),
        (["enrol", "--help"], 0),
    ],
)
def test_exit_status_of_a_wrong_call(args, status):
    done = subprocess.run(
        [sys.executable, "-m", "django", *args],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stderr.decode()
    assert b"Traceback" not in done.stderr
