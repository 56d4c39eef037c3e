"""NO-04 for an operator: the same steps by `manage.py end_project`, in the leader's name."""

import io
import json

import pytest
from django.core.management import call_command

from panel.commands import Refused, WrongCall
from panel.members.models import PanelMember
from panel.rights.models import ProjectEnd
from panel.vault.models import Card
from panel.waves import services as waves
from tests.factories import cast, fielding, scene
from tests.rights.test_project_end import NAME, opened, pair

pytestmark = pytest.mark.django_db


def run(*words):
    out = io.StringIO()
    call_command("end_project", "exitnorway", *map(str, words), "--json", stdout=out)
    return json.loads(out.getvalue())


def states():
    return [row["state"] for row in run()["steps"]]


@pytest.fixture(autouse=True)
def study():
    made = scene.scene(3)
    waves.close_wave(by=cast.LIV, wave=made.wave, now=scene.REMINDER_DAY)
    fielding.send_all(scene.REMINDER_DAY)
    return made.study


def test_no_04_the_whole_way(tmp_path):
    by = ("--by", "liv")
    (tmp_path / "archive.pem").write_bytes(pair()[1])
    out = tmp_path / "archive.cms"
    run("begin", *by, "--typed", NAME)
    run("result", *by, "--reason", "In the article.")
    run("release", *by, "--reason", "None was asked for.")
    run("archive", *by, "--certificate", tmp_path / "archive.pem", "--out", out)
    assert "wave_0.csv" in opened(out.read_bytes()).namelist()
    assert out.stat().st_mode & 0o777 == 0o600
    run("outside", *by)
    run("link_key", *by, "--typed", NAME)
    assert (Card.objects.count(), states()) == (0, ["done"] * 5 + ["open"] * 3)
    run("rows", *by, "--typed", NAME)
    run("backups", *by, "--reason", "Purged today.")
    told = run("certificate", *by)
    assert {row["state"] for row in told["steps"]} == {"done"}
    assert told["certificate"]["audit_head"]["hash"]
    assert PanelMember.objects.filter(study__slug="exitnorway").count() == 0


def test_no_04_who_may_not_is_refused_and_the_name_is_wanted():
    with pytest.raises(Refused, match="project leader"):
        run("begin", "--by", "signe", "--typed", NAME)
    with pytest.raises(Refused, match="Type the study"):
        run("begin", "--by", "liv")
    with pytest.raises(WrongCall):
        run("begin", "--typed", NAME)
    with pytest.raises(Refused, match="has not begun"):
        run("result", "--by", "liv", "--reason", "x")
    assert not ProjectEnd.objects.exists()
    assert states() == ["open"] * 8


def test_an_archive_is_never_written_over_another_file(tmp_path):
    by = ("--by", "liv")
    (tmp_path / "archive.pem").write_bytes(pair()[1])
    (tmp_path / "there").write_text("something else")
    run("begin", *by, "--typed", NAME)
    run("result", *by, "--reason", "x")
    run("release", *by, "--reason", "x")
    with pytest.raises(WrongCall):
        run("archive", *by, "--certificate", tmp_path / "archive.pem", "--out", tmp_path / "there")
    assert (tmp_path / "there").read_text() == "something else"
    assert states()[2] == "open"
