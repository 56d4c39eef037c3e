"""A wave run dry says what sending then does: who gets which letter on which day, who not, and why."""

from dataclasses import replace
from datetime import timedelta

import pytest

from panel.audit.models import AuditEvent
from panel.invitations import differences, dry_run, planning
from panel.invitations.alike import Draft
from panel.invitations.models import Outgoing
from panel.invitations.rules import State
from panel.members import services as members
from panel.waves import services as waves
from panel.waves.models import Wave
from panel.waves.plans import Sample, SoftLaunch, usual_plan
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def test_what_a_dry_run_says_is_what_is_sent_day_by_day(livet):
    """The judge is the outbox itself: nobody answers, and each day's letters are those that were told."""
    people = f.people(livet, 6)
    members.set_mail(by=f.SYSTEM, member=people[0], paused_until=(f.NOON + 3 * DAY).date(), now=f.NOON)
    members.set_mail(by=f.SYSTEM, member=people[1], stopped=True, now=f.NOON)
    wave = f.planned(livet)
    told = dry_run.forecast(Draft.of(wave), f.NOON)
    waves.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    waves.turn(now=f.NOON)
    sent = {}
    for day in range(31):
        if number := f.send_all(f.NOON + day * DAY):
            sent[(f.NOON + day * DAY).date()] = number
    assert {day: one.total() for day, one in told.by_language.items()} == sent
    assert told.left_out == [(people[1].code, "stopped")]
    assert told.letters == 5 + 5 + 5


def test_nothing_is_written(livet):
    f.people(livet, 2)
    wave = f.planned(livet)
    dry_run.forecast(Draft.of(wave), f.NOON)
    assert not Outgoing.objects.exists()
    wave.refresh_from_db()
    assert wave.status == Wave.Status.PLANNED


def test_of_an_open_wave_what_was_sent_is_not_told_again(livet):
    f.people(livet, 3)
    wave = f.opened(livet)
    f.send_all()
    told = dry_run.forecast(Draft.of(wave), f.NOON + DAY)
    assert {day: one.total() for day, one in told.by_language.items()} == {
        (f.NOON + 7 * DAY).date(): 3,
        (f.NOON + 14 * DAY).date(): 3,
    }
    assert Outgoing.objects.filter(state=State.SENT).count() == 3


def days(told):
    return {(day - f.NOON.date()).days: one.total() for day, one in told.by_language.items()}


def test_letters_are_told_by_day_and_language_as_exact_work_counts(livet):
    """NEV-10: exact, and by the language of letters alone."""
    f.people(livet, 6)
    told = dry_run.forecast(Draft.of(f.planned(livet)), f.NOON)
    first = told.by_language[f.NOON.date()]
    assert first == {"nb": 2, "en": 2, "uk": 1, "ru": 1}
    assert set(told.as_json()) == {
        "assumed", "opens", "closes", "sample", "letters", "days", "left_out", "past_close",
    }  # fmt: skip


def test_each_who_is_left_out_has_the_reason(livet):
    here, left, no, held = f.people(livet, 4)
    (other,) = f.people(livet, 1, start=4, cohort="2024")
    members.set_status(by=f.SYSTEM, member=left, status="left", now=f.NOON)
    f.consent.withdraw(
        study_key=livet.key, subject=no.code, purposes=["waves"], channel="portal", day=f.NOON.date()
    )
    members.hold(by=f.SYSTEM, member=held, kind="restriction", reason="asked", now=f.NOON)
    told = dry_run.forecast(Draft.of(f.planned(livet, cohorts=["2022"])), f.NOON)
    assert dict(told.left_out) == {
        left.code: "left", no.code: "no_consent", other.code: "other_cohort", held.code: "held",
    }  # fmt: skip
    assert told.letters == 3
    assert here.code not in dict(told.left_out)


def test_res_05_a_leaver_is_not_left_out(livet):
    (one,) = f.people(livet, 1)
    members.set_place(by=f.SYSTEM, member=one, place="returned", now=f.NOON)
    assert dry_run.forecast(Draft.of(f.planned(livet)), f.NOON).left_out == []


def test_what_would_wait_past_the_close_shows_before_approval(livet):
    """A second survey wave within 90 days: its letters would wait until it is over."""
    f.people(livet, 3)
    f.opened(livet)
    f.send_all()
    version = livet.waves.get().instrument
    wave = f.planned(livet, name="w2", number=2, instrument=version, reminder_days=[])
    told = dry_run.forecast(Draft.of(wave), f.NOON + DAY)
    assert told.letters == 0
    assert {(one.kind.value, one.reason.value) for _code, one in told.past_close} == {
        ("invitation", "wave_gap")
    }
    assert len(told.past_close) == 3


def test_a_soft_launch_sends_the_first_by_the_seed_on_record_then_the_rest(livet):
    f.people(livet, 8)
    plan = replace(usual_plan(reminder_days=[7]), soft_launch=SoftLaunch(2, days=3))
    wave = f.planned(livet, plan=plan, reminder_days=[])
    told = dry_run.forecast(Draft.of(wave), f.NOON)
    assert days(told) == {0: 2, 2: 6, 7: 2, 9: 6}
    first = {code for track in told.tracks if track.sent[0].day == f.NOON.date() for code, _l in track.people}
    waves.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    assert first == set(wave.cases.filter(first_batch=True).values_list("member__code", flat=True))


def test_a_daily_quota_spreads_the_letters_over_days_and_loses_none(livet, settings):
    f.people(livet, 10)
    settings.MAIL_PER_DAY = 4
    told = dry_run.forecast(Draft.of(f.planned(livet, reminder_days=[])), f.NOON)
    assert days(told) == {0: 4, 1: 4, 2: 2}
    codes = [code for code, track in dry_run.by_code(told.tracks) if track.sent]
    assert len(codes) == len(set(codes)) == 10


def test_hours_that_a_member_chose_and_days_of_silence_are_kept_to(livet):
    one, other = f.people(livet, 2)
    one.hours_from, one.hours_until = 18, 21
    one.save(update_fields=["hours_from", "hours_until"])
    silent = (f.NOON + 7 * DAY).date()
    livet.silent_days.create(month=silent.month, day=silent.day, name="A day")
    told = dry_run.forecast(Draft.of(f.planned(livet, reminder_days=[7])), f.NOON)
    assert days(told) == {0: 2, 8: 2}
    assert other.code


def test_queries_do_not_grow_with_the_panel(livet, django_assert_max_num_queries):
    f.people(livet, 40)
    wave = f.opened(livet)
    f.send_all()
    with django_assert_max_num_queries(16):
        dry_run.forecast(Draft.of(wave), f.NOON + DAY).as_json()


# --- what a change would mean


def test_a_change_shows_who_gets_what_earlier_later_no_more_and_newly(livet):
    f.people(livet, 3)
    wave = f.opened(livet)
    f.send_all()
    at = (wave.opens_at, wave.closes_at, f.NOON + DAY)

    def found(*reminders):
        told = differences.between(wave, usual_plan(reminder_days=reminders), *at)
        return {change: told.of(change) for change in differences.Change.values if told.of(change)}

    assert found(7, 14) == {}
    assert found(9, 16) == {"later": 6}
    assert found(8, 15) == {"later": 6}
    assert found(7) == {"no_more": 3}
    assert found() == {"no_more": 6}
    assert found(7, 21) == {"later": 3}
    wider = differences.between(wave, usual_plan(reminder_days=[7, 14]), *at)
    assert (wider.letters_before, wider.letters_now) == (6, 6)


def test_a_wider_sample_is_told_as_newly_and_nothing_is_written(livet):
    f.people(livet, 2)
    new = f.people(livet, 2, start=2, cohort="2024")
    wave = f.opened(livet, cohorts=["2022"])
    f.send_all()
    plan = replace(usual_plan(reminder_days=[7, 14]), sample=Sample(cohorts=["2022", "2024"]))
    told = differences.between(wave, plan, wave.opens_at, wave.closes_at, f.NOON + DAY)
    assert told.of("newly") == 6
    assert {code for code, _one in told.codes} == {one.code for one in new}
    assert wave.cases.count() == 2


@pytest.mark.parametrize("reminders", [[7], [10, 20], []])
def test_what_a_change_says_is_what_then_happens(livet, reminders):
    f.people(livet, 3)
    wave = f.opened(livet)
    f.send_all()
    version = planning.propose_change(
        by=f.SIGNE, wave=wave, plan=usual_plan(reminder_days=reminders), opens_at=wave.opens_at,
        closes_at=wave.closes_at, now=f.NOON + DAY,
    )  # fmt: skip
    told = differences.difference(version, f.NOON + DAY)
    planning.apply_change(by=f.LIV, version=version, now=f.NOON + DAY)
    assert AuditEvent.objects.filter(verb="plan.applied").exists()
    assert sum(f.send_all(f.NOON + day * DAY) for day in range(1, 30)) == told.letters_now
