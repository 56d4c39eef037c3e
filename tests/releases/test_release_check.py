"""release-check, the command: what it prints, and exit status 0, 1, 2."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.settings import ALIASES

ROOT = Path(__file__).parents[2]
TABLE_2 = Path(__file__).parent / "data" / "why_exit_table2.csv"
QUASI = "age_group,length_of_stay,moved_to,family_in_norway"


def check(path, *options) -> dict:
    out = StringIO()
    call_command("release_check", str(path), *options, "--json", stdout=out)
    verdict: dict = json.loads(out.getvalue())
    return verdict


def test_the_published_table_2_is_refused():
    """SDC-03: printed as usual, then exit status 1."""
    out = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("release_check", str(TABLE_2), "--quasi", QUASI, "--json", stdout=out)
    assert refusal.value.returncode == 1
    assert json.loads(out.getvalue()) == {"k": 1, "rows": 8, "below_k": 8, "unique": 8, "verdict": "refused"}


def test_people_read_what_makes_rows_unique():
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("release_check", str(TABLE_2), "--quasi", QUASI, stdout=out)
    assert "stand alone on age_group" in out.getvalue()


def test_a_safe_file_is_accepted(tmp_path):
    file = tmp_path / "safe.csv"
    file.write_bytes("\ufeffsex;age\n".encode() + b"woman;30\n" * 6 + b"man;40\n" * 7)
    verdict = {"k": 6, "rows": 13, "below_k": 0, "unique": 0, "verdict": "accepted"}
    assert check(file, "--quasi", "sex, age") == verdict


@pytest.mark.parametrize("options", [["--quasi", "nose"], ["--quasi", ","], ["--quasi", QUASI, "--k", "1"]])
def test_a_wrong_call_ends_with_2(options):
    with pytest.raises(CommandError) as wrong:
        check(TABLE_2, *options)
    assert wrong.value.returncode == 2


def test_an_unreadable_file_ends_with_1(tmp_path):
    with pytest.raises(CommandError) as refusal:
        check(tmp_path / "nowhere.csv", "--quasi", "a")
    assert refusal.value.returncode == 1


def test_it_needs_no_database(tmp_path):
    """Run as a person does, with a hyphen: there is no database of that name, and it isn't asked for."""
    run = [sys.executable, "manage.py", "release-check", str(TABLE_2), "--quasi", QUASI, "--json"]
    nowhere = {name: f"sqlite:///{tmp_path}/none/{name}" for name in ALIASES.values()}
    done = subprocess.run(
        run, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | nowhere
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["verdict"] == "refused"
