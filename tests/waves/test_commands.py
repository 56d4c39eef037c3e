"""The commands say what the services did, to people and to machines, with the agreed exit status."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from panel.members import cohorts
from panel.waves import services
from panel.waves.models import CaseEvent, Wave
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def plan(*more: str, by: str = "signe") -> str:
    times = ("--opens", "2033-10-01T10:00", "--closes", "2033-10-31T17:00")
    return run(
        "plan_wave", "livet", "w1", "--by", by, "--number", "1", "--instrument", "small", *times, *more
    )


@pytest.fixture
def livet():
    livet = f.study()
    f.version(livet)
    f.people(livet, 2)
    return livet


def test_a_wave_is_planned_in_norwegian_time(livet):
    assert "planned" in plan("--remind", "7", "14", "--cohort", "2022")
    wave = Wave.objects.get()
    assert wave.opens_at.astimezone(f.OSLO).hour == 10
    assert (wave.reminder_days, list(wave.planned.sample.cohorts)) == ([7, 14], ["2022"])


def test_whoever_may_not_approve_plans_nothing_either_when_asked_for_both(livet):
    with pytest.raises(CommandError) as refused:
        plan("--approve")
    assert refused.value.returncode == 1
    assert not Wave.objects.exists(), "a coordinator plans, the leader approves"


@pytest.mark.parametrize(
    ("more", "status"), [(["--remind", "3"], 1), (["--opens", "soon"], 2), (["--instrument", "none"], 1)]
)
def test_refused_and_wrong_calls_have_their_status(livet, more, status):
    with pytest.raises(CommandError) as error:
        plan(*more)
    assert error.value.returncode == status


def test_rates_for_machines_and_people(livet):
    wave = f.opened(livet, instrument=livet.instruments.get().versions.get())
    services.record_event(case=wave.cases.all()[0], kind=CaseEvent.Kind.COMPLETED, at=f.NOON)
    found = json.loads(run("rates", "w2023", "--json"))
    assert found == json.loads(run("rates", "livet", "w2023", "--json"))
    assert found["dispositions"] == {"1.1": 1, "2.26": 1}
    assert found["final"] == {"1.1": 1}
    assert found["rates"]["RR1"] == {"value": 0.5, "numerator": 1, "denominator": 2}
    assert found["e"] == {"value": 1.0, "numerator": 2, "denominator": 2}
    assert "AAPOR" in found["edition"]
    assert "RR1    0.5000  (1 / 2)" in run("rates", "livet", "w2023")


def test_sdc_10_rates_by_group_name_no_small_group(livet):
    f.opened(livet, instrument=livet.instruments.get().versions.get())
    found = json.loads(run("rates", "w2023", "--by", "language", "--json"))
    assert found["by"] == {"variable": "language", "groups": [], "R": None, "CV": None}
    assert "below the threshold" in run("rates", "w2023", "--by", "cohort")


def test_rates_tell_the_way_back_to_the_recruitment(livet):
    cohorts.count_in(study=livet, name="2022", answered=4, joined=2)
    cohorts.describe(by=f.SIGNE, study=livet, name="2022", is_open=False, approached=8, now=f.NOON)
    wave = f.opened(livet, instrument=livet.instruments.get().versions.get())
    services.record_event(case=wave.cases.all()[0], kind=CaseEvent.Kind.COMPLETED, at=f.NOON)
    found = json.loads(run("rates", "w2023", "--json"))
    (way,) = found["cumulative"]
    assert way["CUMRR"] == pytest.approx(4 / 8 * 2 / 4 * 2 / 2 * 1 / 2)
    assert way["retention"] == {"value": 1.0, "numerator": 2, "denominator": 2}
    assert (found["participation"], found["recruitment"]["open"]) == (None, False)
    assert "CUMRR  0.1250  w2023: 4/8 × 2/4 × 2/2 × 1/2" in run("rates", "w2023")


def test_rates_of_an_open_recruitment_say_participation(livet):
    cohorts.count_in(study=livet, name="2022", answered=4, joined=2)
    assert json.loads(run("rates", "livet", "0", "--json"))["participation_rate"] is None
    cohorts.describe(by=f.SIGNE, study=livet, name="2022", is_open=True, approached=8, now=f.NOON)
    for name in ("0", "2022"):
        found = json.loads(run("rates", "livet", name, "--json"))
        assert found["participation_rate"] == {"value": 0.5, "numerator": 4, "denominator": 8}
        assert "participation 0.5000  (4 / 8)" in run("rates", "livet", name)
    f.opened(livet, instrument=livet.instruments.get().versions.get())
    assert json.loads(run("rates", "w2023", "--json"))["participation"]["denominator"] == 0
    assert "response" not in run("rates", "livet", "0")


def test_a_wave_s_name_that_two_studies_have_wants_the_study(livet):
    f.opened(livet, instrument=livet.instruments.get().versions.get())
    other = f.study("other")
    f.people(other, 1, start=90)
    f.opened(other)
    assert run("rates", "other", "w2023")
    with pytest.raises(CommandError, match="name the study") as refused:
        run("rates", "w2023")
    assert refused.value.returncode == 1


def test_an_unknown_wave_is_refused(livet):
    with pytest.raises(CommandError) as refused:
        run("rates", "livet", "w1999")
    assert refused.value.returncode == 1


@pytest.mark.parametrize("days", ["31", "99999999999"])
def test_a_reminder_after_the_close_is_refused_however_late(livet, days):
    with pytest.raises(CommandError, match="after the close"):
        plan("--remind", days)


@pytest.mark.parametrize("name", ["", "no blanks", "x" * 41])
def test_a_name_that_no_address_could_hold_is_refused(livet, name):
    times = ("--opens", "2033-10-01T10:00", "--closes", "2033-10-31T17:00")
    with pytest.raises(CommandError) as refused:
        run("plan_wave", "livet", name, "--by", "signe", "--number", "1", "--instrument", "small", *times)
    assert refused.value.returncode == 1
    assert not Wave.objects.exists()


@pytest.mark.parametrize("version", ["small:v1", "small:²", "small:"])
def test_a_version_that_is_no_number_does_not_become_the_newest(livet, version):
    with pytest.raises(CommandError) as refused:
        plan("--instrument", version)
    assert refused.value.returncode == 2
    assert not Wave.objects.exists()
