"""manage.py release: asks, approves with a second person, writes all or nothing; exit status 0 and 1."""

import hashlib
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from panel.releases.models import Release


def release(out, *options: str, wave: str = "2023") -> dict:
    printed = StringIO()
    call_command(
        "release", "livet", wave, "--asked-by", "ines", "--out", str(out), "--json", *options, stdout=printed
    )
    answer: dict = json.loads(printed.getvalue())
    return answer


def test_asked_only_writes_no_file(fielded, tmp_path):
    answer = release(tmp_path / "out")
    assert {each["state"] for each in answer["releases"]} == {"requested"}
    assert not (tmp_path / "out").exists()


def test_approved_by_a_second_person_it_writes_both_products(fielded, tmp_path):
    answer = release(tmp_path, "--approved-by", "ravn")
    assert {row["file"] for row in answer["files"]} == {
        "wave-2023-microdata.csv",
        "wave-2023-microdata.parquet",
        "wave-2023-reasons.csv",
    }
    for row in answer["files"]:
        assert hashlib.sha256((tmp_path / row["file"]).read_bytes()).hexdigest() == row["sha256"]
        assert row["k"] >= 6
    manifests = {path.name for path in tmp_path.glob("*-manifest.json")}
    assert manifests == {"wave-2023-microdata-manifest.json", "wave-2023-reasons-manifest.json"}
    assert not list(tmp_path.glob(".*"))


def test_wave_0_and_one_product(fielded, tmp_path):
    (row, _parquet) = release(tmp_path, "--approved-by", "ravn", "--product", "B", wave="0")["files"]
    assert (row["file"], row["product"]) == ("wave-0-microdata.csv", "B")


@pytest.mark.parametrize(
    "options",
    [
        ["--approved-by", "ines"],
        ["--approved-by", "nobody"],
        ["--product", "A", "--approved-by", "liv", "--reason", " "],
    ],
)
def test_a_refusal_writes_nothing_at_all(fielded, tmp_path, options):
    """SDC-08: neither a file nor a release; exit status 1."""
    with pytest.raises(CommandError) as refusal:
        release(tmp_path / "out", *options)
    assert refusal.value.returncode == 1
    assert not Release.objects.exists()
    assert not (tmp_path / "out").exists()


def test_an_unknown_wave_is_refused(fielded, tmp_path):
    with pytest.raises(CommandError) as refusal:
        release(tmp_path, wave="2099")
    assert refusal.value.returncode == 1


def test_a_table_out_of_reach_is_told_beside_the_microdata(fielded, tmp_path):
    """Five leavers are too few for a table, which keeps nobody from the microdata."""
    for case in fielded.cases[:11]:
        case.response.delete()
    answer = release(tmp_path, "--approved-by", "ravn")
    assert [each["product"] for each in answer["releases"]] == ["B"]
    assert "fewer than 6" in answer["not_released"]["A"]
