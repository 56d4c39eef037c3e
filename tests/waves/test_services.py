"""Planning, approving, opening, closing; each with its audit row, each kept whole or not at all."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from consent import services as consent
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.members import services as members
from panel.members.models import PanelMember, StudyDecision
from panel.waves import outcomes, selectors, services
from panel.waves.models import Case, CaseEvent, Wave
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
K = CaseEvent.Kind


@pytest.fixture
def livet():
    return f.study()


def verbs(subject: str) -> list[str]:
    return list(AuditEvent.objects.filter(subject=subject).order_by("id").values_list("verb", flat=True))


def test_a_wave_lives_from_plan_to_close(livet):
    f.people(livet, 3)
    wave = f.planned(livet)
    assert wave.status == Wave.Status.PLANNED
    assert services.turn(now=f.NOON) == 0, "what nobody approved doesn't open"
    assert services.approve_wave(by=f.LIV, wave=wave, now=f.NOON) == 3
    assert services.turn(now=f.NOON) == 1
    assert services.turn(now=f.NOON) == 0
    assert services.turn(now=wave.closes_at) == 1
    wave.refresh_from_db()
    assert wave.status == Wave.Status.CLOSED
    assert verbs("w2023") == ["wave.planned", "wave.approved", "wave.opened", "wave.closed"]


def test_a_wave_whose_period_went_by_unseen_opens_and_closes(livet):
    f.people(livet)
    wave = f.planned(livet)
    services.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    assert services.turn(now=wave.closes_at + timedelta(days=1)) == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"number": 0}, "Wave 0"),
        ({"reminder_days": [3]}, "7 days"),
        ({"reminder_days": [7, 14, 21]}, "2 reminders"),
        ({"reminder_days": [40]}, "after the close"),
    ],
)
def test_a_bad_plan_is_refused_and_leaves_nothing(livet, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        f.planned(livet, **changes)
    assert not Wave.objects.exists()


def test_two_waves_of_one_name_or_number_are_refused(livet):
    version = f.version(livet)
    f.planned(livet, instrument=version)
    with pytest.raises(BadInput, match="already"):
        f.planned(livet, instrument=version, number=2)
    with pytest.raises(BadInput, match="already"):
        f.planned(livet, instrument=version, name="other")


def test_a_wave_is_not_called_like_a_cohort(livet):
    """Its release would be taken for the recruitment's."""
    (member,) = f.people(livet)
    with pytest.raises(BadInput, match="cohort"):
        f.planned(livet, name=member.cohort)


def test_another_study_s_questionnaire_is_refused(livet):
    other = f.version(f.study("annet"))
    with pytest.raises(BadInput, match="another study"):
        f.planned(livet, instrument=other)


def test_who_may_plan_and_approve(livet):
    f.people(livet)
    wave = f.planned(livet)
    for nobody in (f.TOR, Actor.member("ABCDEFGH1")):
        with pytest.raises(NotAllowed):
            services.approve_wave(by=nobody, wave=wave, now=f.NOON)
        with pytest.raises(NotAllowed):
            services.plan_wave(
                by=nobody,
                study=livet,
                name="x",
                number=2,
                instrument=wave.instrument,
                opens_at=wave.opens_at,
                closes_at=wave.closes_at,
                reminder_days=[],
                now=f.NOON,
            )  # fmt: skip assert not Case.objects.exists()


def test_the_sample_is_the_active_consented_members_of_the_cohorts(livet):
    active, left, said_no, other = f.people(livet, 4)
    members.set_status(by=f.SYSTEM, member=left, status=PanelMember.Status.LEFT, now=f.NOON)
    consent.withdraw(
        study_key=livet.key, subject=said_no.code, purposes=["waves"], channel="portal", day=f.NOON.date()
    )
    f.people(livet, 1, start=4, cohort="2024")
    wave = f.opened(livet, cohorts=["2022"])
    assert set(Case.objects.filter(wave=wave).values_list("member", flat=True)) == {active.pk, other.pk}


def test_res_05_leavers_and_flagged_stay_in_the_sample(livet):
    """RES-05: neither a place nor a lost address takes anybody out."""
    people = f.people(livet, 3)
    members.set_place(by=f.SYSTEM, member=people[0], place=PanelMember.Place.RETURNED, now=f.NOON)
    members.set_place(by=f.SYSTEM, member=people[1], place=PanelMember.Place.MOVED_ON, now=f.NOON)
    members.mark_unreachable(by=f.SYSTEM, members=[people[2]], now=f.NOON)
    assert f.opened(livet).cases.count() == 3


def test_an_empty_sample_is_refused_and_the_wave_stays_planned(livet):
    wave = f.planned(livet)
    with pytest.raises(NotNow, match="Nobody"):
        services.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    wave.refresh_from_db()
    assert wave.status == Wave.Status.PLANNED


def test_approving_twice_is_refused_even_from_a_stale_page(livet):
    f.people(livet, 2)
    wave = f.planned(livet)
    stale = Wave.objects.get(pk=wave.pk)
    services.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    for seen in (wave, stale):
        with pytest.raises(NotNow):
            services.approve_wave(by=f.LIV, wave=seen, now=f.NOON)
    assert Case.objects.count() == 2


def test_hours_are_lifted_by_a_recorded_decision_with_a_reason(livet):
    f.people(livet)
    wave = f.opened(livet)
    with pytest.raises(BadInput):
        services.lift_hours(by=f.LIV, wave=wave, reason=" ", now=f.NOON)
    wave.refresh_from_db()
    assert not wave.hours_lifted
    services.lift_hours(by=f.LIV, wave=wave, reason="An example.", now=f.NOON)
    wave.refresh_from_db()
    assert wave.hours_lifted
    assert StudyDecision.objects.get(setting=StudyDecision.Setting.HOURS_LIFTED).about == wave.name


def test_closing_early_ends_the_field_period_now(livet):
    f.people(livet)
    wave = f.opened(livet)
    services.close_wave(by=f.LIV, wave=wave, now=f.NOON)
    wave.refresh_from_db()
    assert (wave.status, wave.closes_at) == (Wave.Status.CLOSED, f.NOON)
    with pytest.raises(NotNow):
        services.close_wave(by=f.LIV, wave=wave, now=f.NOON)


class Broken(Exception):
    """Stands for whatever breaks the last write."""


@pytest.fixture
def last_write_breaks(monkeypatch):
    def breaks(**_):
        raise Broken

    def arm():
        monkeypatch.setattr("panel.audit.services.record", breaks)

    return arm


def test_whatever_breaks_at_the_last_write_nothing_is_kept(livet, last_write_breaks):
    f.people(livet, 2)
    version = f.version(livet)
    planned, wave = (
        f.planned(livet, instrument=version),
        f.opened(livet, name="w2", number=2, instrument=version),
    )
    last_write_breaks()
    for action in (
        lambda: f.planned(livet, name="w3", number=3, instrument=version),
        lambda: services.approve_wave(by=f.LIV, wave=planned, now=f.NOON),
        lambda: services.lift_hours(by=f.LIV, wave=wave, reason="x", now=f.NOON),
        lambda: services.close_wave(by=f.LIV, wave=wave, now=f.NOON),
        lambda: services.turn(now=f.NOON + timedelta(days=30)),
    ):
        with pytest.raises(Broken):
            action()
    assert dict(Wave.objects.values_list("name", "status")) == {"w2023": "planned", "w2": "open"}
    assert not Wave.objects.filter(hours_lifted=True).exists()
    assert not StudyDecision.objects.filter(setting=StudyDecision.Setting.HOURS_LIFTED).exists()
    assert not planned.cases.exists()


def test_one_case_per_member_and_wave_in_the_database(livet):
    f.people(livet)
    case = f.opened(livet).cases.get()
    with pytest.raises(IntegrityError):
        Case.objects.create(wave=case.wave, member=case.member)


def test_progress_counts_from_events_alone_in_two_queries(livet, django_assert_num_queries):
    f.people(livet, 6)
    wave = f.opened(livet)
    silent, started, enough, done, gone, bounced = cases = list(wave.cases.all())
    services.record_events(cases=cases[:5], kind=K.INVITED, at=f.NOON)
    services.record_event(case=silent, kind=K.REMINDED, at=f.NOON + timedelta(days=7))
    services.record_events(cases=[started, enough, done], kind=K.STARTED, at=f.NOON)
    services.record_events(cases=[enough, done], kind=K.SUFFICIENT, at=f.NOON)
    services.record_event(case=done, kind=K.COMPLETED, at=f.NOON + timedelta(hours=13))
    services.record_event(case=gone, kind=K.WITHDREW, at=f.NOON)
    services.record_event(case=bounced, kind=K.BOUNCED, at=f.NOON)
    with django_assert_num_queries(2):
        progress = selectors.progress(wave)
    assert (progress.cases, progress.invited, progress.reminded, progress.started) == (6, 5, 1, 3)
    assert (progress.completes, progress.partials, progress.withdrawn, progress.bounced) == (1, 1, 1, 1)
    assert progress.by_code == {"2.20": 2, "2.12": 1, "1.2": 1, "1.1": 1, "2.111": 1}
    first, second, third = progress.by_day
    assert (first.day, first.invited, first.started, first.completed) == (f.NOON.date(), 5, 3, 0)
    assert (second.day, second.completed) == (f.NOON.date() + timedelta(days=1), 1), "a day in Norway"
    assert third.reminded == 1
    rates = outcomes.rates(wave)
    assert [rates[name].value for name in ("RR1", "RR2", "REF1")] == pytest.approx([1 / 6, 2 / 6, 2 / 6])


def test_rates_stay_true_when_cases_are_erased(livet):
    f.people(livet, 4)
    wave = f.opened(livet)
    cases = list(wave.cases.all())
    services.record_events(cases=cases, kind=K.INVITED, at=f.NOON)
    services.record_events(cases=cases[:2], kind=K.COMPLETED, at=f.NOON)
    services.record_event(case=cases[2], kind=K.WITHDREW, at=f.NOON)
    before = outcomes.rates(wave)
    services.keep_dispositions(cases=cases[1:3])
    Case.objects.filter(pk__in=[case.pk for case in cases[1:3]]).delete()
    wave.refresh_from_db()
    assert wave.erased == {"1.1": 1, "2.111": 1}
    assert outcomes.rates(wave) == before
    assert selectors.progress(wave).cases == 4
