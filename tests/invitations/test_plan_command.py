"""`plan_wave`: all of a plan by command, for people and machines; a dry run and a look at a change keep nothing."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from panel import clock
from panel.waves.models import PlanVersion, Wave
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
TIMES = ("--opens", "2023-10-05T10:00", "--closes", "2023-11-30T17:00")


def run(*args):
    out = StringIO()
    call_command("plan_wave", *args, stdout=out)
    return out.getvalue()


def new(*more):
    return run("livet", "w1", "--number", "1", "--instrument", "small", *TIMES, *more)


@pytest.fixture
def livet(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: f.NOON)
    livet = f.with_letters(f.study())
    f.version(livet)
    f.people(livet, 4)
    return livet


@pytest.fixture
def file(tmp_path):
    def write(**plan):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        return str(path)

    return write


def test_a_dry_run_of_what_nobody_planned_keeps_nothing(livet):
    found = json.loads(new("--remind", "7", "--dry-run", "--json"))
    assert (found["sample"], found["letters"], found["left_out"]) == (4, 8, [])
    assert [(one["day"], one["by_language"]) for one in found["days"]] == [
        ("2023-10-05", {"en": 1, "nb": 1, "ru": 1, "uk": 1}),
        ("2023-10-12", {"en": 1, "nb": 1, "ru": 1, "uk": 1}),
    ]
    assert not Wave.objects.exists()


def test_a_plan_by_options_is_the_plan_in_a_file(livet, file):
    options = (
        "--steps",
        "invitation:0",
        "reminder:7",
        "continue:7",
        "thanks:1",
        "--language",
        "nb",
        "uk",
        "--at-most",
        "2",
    )
    new(*options, "--by", "signe")
    by_options = Wave.objects.get().planned
    Wave.objects.all().delete()
    steps = [
        {"kind": kind, "days": days}
        for kind, days in (("invitation", 0), ("reminder", 7), ("continue", 7), ("thanks", 1))
    ]
    new("--plan", file(steps=steps, sample={"languages": ["nb", "uk"], "at_most": 2}), "--by", "signe")
    by_file = Wave.objects.get().planned
    assert (by_file.steps, by_file.sample) == (by_options.steps, by_options.sample)


def test_a_wave_there_is_runs_dry_by_its_name(livet):
    new("--by", "signe")
    told = run("--wave", "w1", "--dry-run")
    assert "2023-10-05" in told
    assert json.loads(run("livet", "--wave", "w1", "--dry-run", "--json"))["letters"] == 4


def test_a_change_is_looked_at_proposed_and_applied_by_who_may(livet):
    new("--by", "signe", "--remind", "7", "14")
    run_change = ("--wave", "w1", "--remind", "9", "16")
    told = json.loads(run(*run_change, "--dry-run", "--json"))
    assert (told["later"], told["no_more"]) == (8, 0)
    assert PlanVersion.objects.count() == 1
    with pytest.raises(CommandError) as refused:
        run(*run_change, "--by", "signe", "--apply")
    assert refused.value.returncode == 1
    assert PlanVersion.objects.count() == 1, "whoever may not apply proposes nothing either"
    run(*run_change, "--by", "signe")
    assert PlanVersion.objects.get(number=2).state == "proposed"


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("--wave", "w1"), 2),
        (("livet", "w2"), 2),
        (("--wave", "none", "--dry-run"), 1),
        (("--wave", "w1", "--plan", "/nowhere.json", "--dry-run"), 1),
        (("--wave", "w1", "--steps", "invitation", "--dry-run"), 2),
        (("--wave", "w1", "--steps", "letter:0", "--dry-run"), 1),
        (("--wave", "w1", "--remind", "3", "--dry-run"), 1),
    ],
)
def test_wrong_calls_and_refusals_have_their_status(livet, args, status):
    new("--by", "signe")
    with pytest.raises(CommandError) as refused:
        run(*args)
    assert refused.value.returncode == status


def test_a_closed_wave_has_no_dry_run(livet):
    new("--by", "signe")
    Wave.objects.update(status=Wave.Status.CLOSED)
    with pytest.raises(CommandError, match="closed"):
        run("--wave", "w1", "--dry-run")
