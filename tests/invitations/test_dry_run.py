"""A wave run dry says what sending then does: who gets which letter on which day, who not, and why."""

from datetime import timedelta

import pytest

from panel.invitations import dry_run
from panel.invitations.alike import Draft
from panel.invitations.models import Outgoing
from panel.invitations.rules import State
from panel.members import services as members
from panel.waves import services as waves
from panel.waves.models import Wave
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
