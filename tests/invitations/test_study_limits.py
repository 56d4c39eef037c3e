"""A study's limits: lower at will, higher with a reason on record; its days of silence alike."""

from datetime import timedelta

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import services, study_limits
from panel.invitations.limits import STRICT
from panel.invitations.models import Outgoing
from panel.members.models import SilentDay, StudyDecision
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
LOOSER = {
    "reminders_max": 3, "reminder_gap_days": 5, "mails_max": 8, "mails_days": 90, "wave_gap_days": 60
}  # fmt: skip
STRICTER = {
    "reminders_max": 1, "reminder_gap_days": 14, "mails_max": 4, "mails_days": 365, "wave_gap_days": 180
}  # fmt: skip


@pytest.fixture
def livet():
    return f.study()


def change(of, limit, value, *, by=f.LIV, reason=""):
    study_limits.set_limit(by=by, study=of, limit=limit, value=value, reason=reason, now=f.NOON)
    of.refresh_from_db()


@pytest.mark.parametrize("limit", STRICTER)
def test_a_limit_is_lowered_at_will(livet, limit):
    change(livet, limit, STRICTER[limit])
    assert getattr(livet, limit) == STRICTER[limit]
    assert not StudyDecision.objects.filter(setting=limit).exists()
    assert AuditEvent.objects.get(verb="limit.changed").detail["to"] == STRICTER[limit]


@pytest.mark.parametrize("limit", LOOSER)
def test_a_limit_is_raised_with_a_recorded_reason_only(livet, limit):
    with pytest.raises(BadInput):
        change(livet, limit, LOOSER[limit], reason="  ")
    assert getattr(livet, limit) == getattr(STRICT, limit)
    change(livet, limit, LOOSER[limit], reason="The board said so, case 12.")
    decided = StudyDecision.objects.get(setting=limit)
    assert (decided.decided_by, decided.about) == ("liv", str(LOOSER[limit]))
    change(livet, limit, getattr(STRICT, limit))
    assert StudyDecision.objects.filter(setting=limit).count() == 1, "back to the default takes none"


def test_the_model_s_defaults_are_the_strict_ones(livet):
    assert {limit: getattr(livet, limit) for limit in study_limits.LIMITS} == vars(STRICT)


@pytest.mark.parametrize(
    ("limit", "value"), [("mails_max", 0), ("mails_days", 7), ("reminders_max", 6), ("name", 3)]
)
def test_what_is_no_limit_is_refused(livet, limit, value):
    with pytest.raises(BadInput):
        change(livet, limit, value, reason="Why not.")


def test_only_who_decides_settings_changes_a_limit_of_a_study_that_runs(livet):
    with pytest.raises(NotAllowed):
        change(livet, "mails_max", 4, by=f.SIGNE)
    with pytest.raises(NotNow, match="already"):
        change(livet, "mails_max", 6)
    livet.ended_at = f.NOON
    livet.save()
    with pytest.raises(NotNow, match="ended"):
        change(livet, "mails_max", 4)


def test_letters_that_the_old_limit_put_off_are_looked_at_again():
    livet = f.with_letters(f.study())
    SilentDay.objects.create(study=livet, month=10, day=2, name="A day")
    f.people(livet, 2)
    f.opened(livet)
    f.send_all()
    later = f.NOON + timedelta(minutes=5)
    assert list(services.dispatch(now=later)) == []
    day = livet.silent_days.get(month=10, day=2)
    study_limits.remove_silent_day(by=f.LIV, silent_day=day, reason="Added by mistake.", now=later)
    assert f.send_all(later) == 2


# --- days of silence


def add(of, *, by=f.LIV, **given):
    given = {"day": 3, "month": 6, "name": "A day", **given}
    return study_limits.add_silent_day(by=by, study=of, now=f.NOON, **given)


def test_a_day_of_silence_comes_and_goes_with_its_records(livet):
    day = add(livet, year=2030)
    study_limits.remove_silent_day(by=f.LIV, silent_day=day, reason="It was moved.", now=f.NOON)
    verbs = AuditEvent.objects.filter(verb__startswith="silent_day.").values_list("verb", flat=True)
    assert set(verbs) == {"silent_day.added", "silent_day.removed"}
    assert StudyDecision.objects.get(setting="silent_day").reason == "It was moved."
    with pytest.raises(NotNow, match="already"):
        study_limits.remove_silent_day(by=f.LIV, silent_day=day, reason="Twice.", now=f.NOON)


@pytest.mark.parametrize(
    "given", [{"day": 31}, {"day": 30, "month": 2}, {"day": 29, "month": 2, "year": 2023}, {"name": " "}]
)
def test_what_is_no_day_is_refused(livet, given):
    with pytest.raises(BadInput):
        add(livet, **given)


def test_a_day_stands_once_and_leap_day_may(livet):
    add(livet, day=29, month=2)
    with pytest.raises(NotNow):
        add(livet, day=29, month=2)
    add(livet, day=29, month=2, year=2028)
    with pytest.raises(NotAllowed):
        add(livet, day=5, by=f.SIGNE)


def test_silence_can_t_fill_the_year(livet, monkeypatch):
    monkeypatch.setattr(study_limits, "SILENT_MAX", livet.silent_days.count())
    with pytest.raises(BadInput, match="too many"):
        add(livet)


# --- all or nothing


@pytest.mark.parametrize("act", ["limit", "add", "remove"])
def test_nothing_of_a_change_stays_when_its_record_can_t_be_written(livet, monkeypatch, act):
    day = add(livet)
    days = SilentDay.objects.count()

    def broken(**_given):
        raise RuntimeError("no audit")

    monkeypatch.setattr(study_limits.audit, "record", broken)
    acts = {
        "limit": lambda: change(livet, "mails_max", 4),
        "add": lambda: add(livet, day=9),
        "remove": lambda: study_limits.remove_silent_day(by=f.LIV, silent_day=day, reason="Why.", now=f.NOON),
    }
    with pytest.raises(RuntimeError):
        acts[act]()
    livet.refresh_from_db()
    assert (livet.mails_max, SilentDay.objects.count()) == (6, days)
    assert not StudyDecision.objects.filter(setting="silent_day").exists()
    assert not Outgoing.objects.exists()
