"""A plan's versions: proposed, then in force or dropped; what can't be changed any more has its sentence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import planning
from panel.waves import plan_changes, services
from panel.waves.models import CaseEvent, PlanVersion, Wave
from panel.waves.plans import Earlier, Sample, SoftLaunch, usual_plan
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LATER = f.NOON + DAY


@pytest.fixture
def livet():
    return f.with_letters(f.study())


@pytest.fixture
def wave(livet):
    f.people(livet, 6)
    return f.opened(livet)


def propose(wave, plan=None, *, by=f.SIGNE, now=LATER, **changes):
    times = {"opens_at": wave.opens_at, "closes_at": wave.closes_at, **changes}
    return planning.propose_change(
        by=by, wave=wave, plan=plan or usual_plan(reminder_days=[9]), now=now, **times
    )


def apply(version, *, by=f.LIV, now=LATER):
    return planning.apply_change(by=by, version=version, now=now)


def test_a_change_is_a_version_that_nobody_follows_until_it_is_applied(wave):
    version = propose(wave)
    wave.refresh_from_db()
    assert (version.number, version.state, wave.reminder_days) == (2, "proposed", [7, 14])
    apply(version)
    wave.refresh_from_db()
    assert (wave.plan_number, wave.reminder_days) == (2, [9])
    assert list(PlanVersion.objects.order_by("number").values_list("state", flat=True)) == [
        "replaced",
        "in_force",
    ]
    verbs = list(
        AuditEvent.objects.filter(verb__startswith="plan.").order_by("pk").values_list("verb", flat=True)
    )
    assert verbs == ["plan.proposed", "plan.applied"]


def test_a_dropped_change_changes_nothing_and_is_decided_once(wave):
    version = propose(wave)
    plan_changes.drop_change(by=f.SIGNE, version=version, now=LATER)
    for act in (
        lambda: apply(version),
        lambda: plan_changes.drop_change(by=f.LIV, version=version, now=LATER),
    ):
        with pytest.raises(NotNow, match="applied or dropped already"):
            act()
    wave.refresh_from_db()
    assert (wave.plan_number, wave.reminder_days) == (1, [7, 14])


def test_who_may(wave):
    with pytest.raises(NotAllowed):
        propose(wave, by=f.LIV)
    version = propose(wave)
    for nobody in (f.SIGNE, f.TOR):
        with pytest.raises(NotAllowed):
            apply(version, by=nobody)
    with pytest.raises(NotAllowed):
        plan_changes.drop_change(by=f.TOR, version=version, now=LATER)
    with pytest.raises(NotAllowed):
        planning.extend_close(by=f.SIGNE, wave=wave, closes_at=wave.closes_at + DAY, now=LATER)


def test_one_change_at_a_time_and_none_onto_a_plan_that_changed_meanwhile(wave):
    version = propose(wave)
    with pytest.raises(NotNow, match="proposed already"):
        propose(wave, usual_plan())
    planning.extend_close(by=f.LIV, wave=wave, closes_at=wave.closes_at + DAY, now=LATER)
    with pytest.raises(NotNow, match="changed meanwhile"):
        apply(version)
    assert propose(wave, usual_plan()).number == 4, "what is out of date holds up no other"


def test_the_close_is_put_off_in_an_open_wave_and_never_in_a_closed_one(wave):
    later = wave.closes_at + 14 * DAY
    planning.extend_close(by=f.LIV, wave=wave, closes_at=later, now=LATER)
    wave.refresh_from_db()
    assert (wave.closes_at, wave.reminder_days, wave.plan_number) == (later, [7, 14], 2)
    with pytest.raises(BadInput, match="later than the one"):
        planning.extend_close(by=f.LIV, wave=wave, closes_at=later, now=LATER)
    with pytest.raises(NotNow, match="being closed"):
        planning.extend_close(by=f.LIV, wave=wave, closes_at=later + DAY, now=later)
    services.turn(now=later)
    with pytest.raises(NotNow, match="closed"):
        planning.extend_close(by=f.LIV, wave=wave, closes_at=later + DAY, now=later)
    with pytest.raises(NotNow, match="closed"):
        propose(wave, now=later)


@pytest.mark.parametrize(
    ("plan", "changes", "word"),
    [
        (usual_plan(reminder_days=[7, 14]), {}, "Nothing is changed"),
        (usual_plan(), {"opens_at": f.NOON + 3 * DAY}, "opening can be moved only"),
        (usual_plan(), {"closes_at": f.NOON + DAY / 2}, "closing time is past"),
        (usual_plan(reminder_days=[3]), {}, "7 days apart"),
        (replace(usual_plan(), soft_launch=SoftLaunch(2)), {}, "soft launch can be dropped"),
        (replace(usual_plan(), sample=Sample(languages=["nb"])), {}, "takes nobody out"),
        (replace(usual_plan(), sample=Sample(at_most=2)), {}, "how many are drawn by lot"),
        (replace(usual_plan(), sample=Sample(but=[Earlier("w2023", "invited")])), {}, "no earlier wave"),
    ],
)
def test_what_an_open_wave_can_t_change_any_more(wave, plan, changes, word):
    with pytest.raises(BadInput, match=word):
        propose(wave, plan, **changes)
    assert PlanVersion.objects.count() == 1


def test_the_questionnaire_changes_until_somebody_begins(livet, wave):
    other = f.instruments.import_instrument(
        by=f.SYSTEM, study=livet, slug="other", title="Other", source=f._form(), now=f.NOON
    )
    with pytest.raises(NotNow, match="isn't approved"):
        propose(wave, usual_plan(reminder_days=[7, 14]), instrument=other)
    other.languages = list(f.LANGUAGES)
    other.save(update_fields=["languages"])
    other = f.instruments.approve_version(by=f.SYSTEM, version=other, now=f.NOON)
    version = propose(wave, usual_plan(reminder_days=[7, 14]), instrument=other)
    services.record_event(case=wave.cases.all()[0], kind=CaseEvent.Kind.STARTED, at=f.NOON)
    with pytest.raises(BadInput, match="begun to answer"):
        apply(version)
    CaseEvent.objects.all().delete()
    apply(version)
    wave.refresh_from_db()
    assert wave.instrument == other


def test_a_wider_sample_draws_who_fits_it_newly(livet):
    f.people(livet, 2)
    f.people(livet, 3, start=2, cohort="2024")
    wave = f.opened(livet, cohorts=["2022"])
    assert wave.cases.count() == 2
    apply(propose(wave, replace(usual_plan(), sample=Sample(cohorts=["2022", "2024"]))))
    assert wave.cases.count() == 5


def test_before_the_opening_a_soft_launch_is_drawn_anew_and_one_that_is_dropped_frees_the_rest(livet):
    f.people(livet, 6)
    wave = f.planned(livet, opens_at=f.NOON + 5 * DAY)
    planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    apply(propose(wave, replace(usual_plan(), soft_launch=SoftLaunch(2))))
    assert wave.cases.filter(first_batch=True).count() == 2
    services.turn(now=f.NOON + 5 * DAY)
    wave.refresh_from_db()
    apply(propose(wave, usual_plan(reminder_days=[8]), now=f.NOON + 5 * DAY), now=f.NOON + 5 * DAY)
    wave.refresh_from_db()
    assert wave.rest_released_at == f.NOON + 5 * DAY


def test_a_plan_that_nobody_approved_is_changed_whole(livet):
    f.people(livet, 3)
    wave = f.planned(livet)
    apply(propose(wave, replace(usual_plan(), sample=Sample(languages=["nb"])), opens_at=f.NOON + 2 * DAY))
    wave.refresh_from_db()
    assert (wave.status, wave.opens_at) == (Wave.Status.PLANNED, f.NOON + 2 * DAY)
    assert planning.approve_wave(by=f.LIV, wave=wave, now=LATER) == 1


class Broken(Exception):
    """Stands for whatever breaks the last write."""


def test_if_the_last_write_breaks_nothing_is_kept(wave, monkeypatch):
    version = propose(wave)

    def breaks(**_given):
        raise Broken

    monkeypatch.setattr("panel.audit.services.record", breaks)
    for act in (
        lambda: apply(version),
        lambda: plan_changes.drop_change(by=f.LIV, version=version, now=LATER),
        lambda: planning.extend_close(by=f.LIV, wave=wave, closes_at=wave.closes_at + DAY, now=LATER),
    ):
        with pytest.raises(Broken):
            act()
    version.delete()
    with pytest.raises(Broken):
        propose(wave)
    wave.refresh_from_db()
    assert (wave.plan_number, wave.reminder_days, wave.versions.count()) == (1, [7, 14], 1)
