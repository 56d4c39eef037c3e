"""Claiming: in the order of the plans, within the day's quota, with windows of members' own; starving nobody."""

from collections import Counter
from datetime import date, datetime, time, timedelta

import pytest

from panel.invitations import burdens, rules, sending, services
from panel.invitations.models import Outgoing
from panel.invitations.rules import Reason, State
from panel.members import hours
from panel.members.models import SilentDay
from panel.waves.models import CaseEvent
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def states() -> Counter[str]:
    found = Outgoing.objects.values_list("state", "reason")
    return Counter(f"{state} {reason}".strip() for state, reason in found)


def at(day: int, hour: int) -> datetime:
    return datetime.combine(f.NOON.date() + day * DAY, time(hour), tzinfo=f.OSLO)


def run(now: datetime) -> int:
    """One look at the outbox and what its workers do with it."""
    services.queue_due(now=now)
    return sum(sending.send_chunk(claim=chunk.claim, now=now) for chunk in services.dispatch(now=now))


# --- the day's quota


def test_no_more_letters_a_day_than_the_quota_and_the_rest_on_the_days_after(livet, settings):
    settings.MAIL_PER_DAY = 3
    f.people(livet, 8)
    f.opened(livet)
    assert [run(at(0, 12)), run(at(0, 16)), run(at(1, 9)), run(at(1, 10)), run(at(2, 12))] == [3, 0, 0, 3, 2]


def test_what_the_quota_holds_says_so_and_until_when(livet, settings):
    settings.MAIL_PER_DAY = 3
    f.people(livet, 5)
    f.opened(livet)
    run(f.NOON)
    assert states() == {"sent": 3, "deferred daily_quota": 2}
    waits = Outgoing.objects.filter(reason=Reason.DAILY_QUOTA)
    assert set(waits.values_list("due_at", flat=True)) == {at(1, 10)}


def test_service_mail_is_never_held_by_the_quota_and_counts_for_nothing(livet, settings):
    settings.MAIL_PER_DAY = 1
    people = f.people(livet, 4)
    f.opened(livet)
    for one in people:
        services.queue_service(member=one, occasion=one.pk, now=f.NOON)
    assert run(f.NOON) == 5
    services.queue_service(member=people[0], occasion=people[1].pk, now=f.NOON)
    assert run(f.NOON + HOUR) == 1


def test_a_higher_quota_lets_what_waits_for_tomorrow_go_today(livet, settings):
    settings.MAIL_PER_DAY = 2
    f.people(livet, 5)
    f.opened(livet)
    run(f.NOON)
    settings.MAIL_PER_DAY = 4
    assert run(f.NOON + HOUR) == 2


@pytest.mark.parametrize(("first", "last"), [(7, 10), (10, 13), (19, 22)])
def test_hours_of_their_own_and_a_small_quota_starve_nobody(livet, settings, first, last):
    """Each hour somebody else's window; two letters a day. Who was planned first goes before who came later."""
    settings.MAIL_PER_DAY = 2
    people = f.people(livet, 8)
    for one in people[:3]:
        hours.set_hours(by=f.SYSTEM, member=one, hours_from=first, hours_until=last, now=f.NOON)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    Outgoing.objects.filter(member__in=people[:3]).update(planned_at=f.NOON - HOUR)
    per_day: Counter[int] = Counter()
    for day in range(6):
        for hour in range(24):
            now = at(day, hour)
            sent = run(now)
            per_day[day] += sent
        if states() == {"sent": 8}:
            break
    assert states() == {"sent": 8}
    assert max(per_day.values()) <= 2
    done = dict(Outgoing.objects.values_list("member", "sent_at"))
    theirs = [done[one.pk].astimezone(f.OSLO) for one in people[:3]]
    assert all(first <= when.hour < last for when in theirs)
    assert max(theirs) < at(4, 0), "nobody of them waited for the crowd"


# --- what is deferred is not overtaken


def test_what_was_put_off_goes_before_what_came_later(livet, monkeypatch, settings):
    settings.MAIL_CHUNK = 1
    monkeypatch.setattr(rules, "CLAIMED_MAX", 1)
    f.people(livet, 3)
    f.opened(livet)
    services.queue_due(now=at(0, 8))
    old, *_newer = Outgoing.objects.order_by("pk")
    Outgoing.objects.filter(pk=old.pk).update(state=State.DEFERRED, planned_at=at(-3, 12), due_at=at(0, 8))
    (chunk,) = services.dispatch(now=at(0, 8))
    assert Outgoing.objects.get(claim=chunk.claim) == old


def test_a_day_of_silence_puts_off_to_the_day_after_and_shows_why(livet):
    SilentDay.objects.create(study=livet, month=10, day=2, name="A day")
    f.people(livet, 2)
    f.opened(livet)
    assert run(f.NOON) == 0
    assert states() == {"deferred silent_day": 2}
    assert set(Outgoing.objects.values_list("due_at", flat=True)) == {at(1, 10)}
    assert run(at(1, 10)) == 2


def test_every_study_begins_with_the_days_of_silence(livet):
    assert livet.silent_days.filter(month=2, day=24, year=None).exists()
    assert burdens.silences([livet.pk])[livet.pk].covers(date(2031, 2, 24))


def test_what_the_close_overtakes_ends_as_not_sent_and_is_counted(livet):
    people = f.people(livet, 3)
    wave = f.opened(livet, closes_at=f.NOON + 2 * DAY, reminder_days=[])
    for day in (2, 3, 4):
        SilentDay.objects.create(study=livet, month=10, day=day, name=f"{day}")
    run(f.NOON)
    assert Outgoing.objects.filter(due_at__gte=wave.closes_at).count() == 3
    from_close = wave.closes_at
    f.waves.turn(now=from_close)
    run(from_close)
    assert states() == {"cancelled closed": 3}
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.NOT_SENT).count() == len(people)


# --- chunks


def test_a_chunk_is_no_larger_than_what_may_go_while_its_check_holds(livet, settings):
    """Else letters and their links are made in vain, again and again: by three workers, for they share the rate."""
    settings.MAIL_PER_SECOND = 1
    per_check = int(rules.CHECK_HOLDS.total_seconds() / 3)
    f.people(livet, per_check + 5)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    chunks = [Outgoing.objects.filter(claim=one.claim).count() for one in services.dispatch(now=f.NOON)]
    assert chunks == [per_check, 5]


def test_no_more_is_claimed_than_a_rate_sends_before_the_lease_ends(livet, settings, monkeypatch):
    """Else the leases of most would end, and all of them be claimed again, over and over."""
    settings.MAIL_PER_SECOND = 1
    monkeypatch.setattr(rules, "CLAIM_LEASE", timedelta(seconds=3))
    f.people(livet, 5)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    assert len(list(services.dispatch(now=f.NOON))) == 1
    assert states() == {"claimed": 3, "queued": 2}


def test_the_indexes_hold_what_their_names_say():
    held = {one.name: one.condition.children[0] for one in Outgoing._meta.indexes if one.condition}
    assert set(held["outbox_due"][1]) == rules.WAITING
    assert set(held["outbox_in_hand"][1]) == rules.LIVE - rules.WAITING
    assert set(held["outbox_over"][1]) == {State.FAILED, State.CANCELLED}


def test_a_chunk_is_claimed_when_it_is_asked_for(livet, settings):
    """The first is being sent while the others are claimed; who dies in between leaves none without its worker."""
    settings.MAIL_CHUNK = 2
    f.people(livet, 5)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    chunks = services.dispatch(now=f.NOON)
    next(chunks)
    assert states() == {"claimed": 2, "queued": 3}
