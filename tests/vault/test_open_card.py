"""A person opens one card: reason, audit row before the card, quota, alarm (ZON-05)."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import Damaged, NotAllowed, NotFound
from panel.vault import services as vault
from panel.vault.models import Card
from panel.vault.rules import DAILY_QUOTA
from tests.vault.cards import card, cards

DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 2, 12, tzinfo=UTC)
VERA = Actor.staff("vera")


def open_one(code: str = "CODE00000", *, by: Actor = VERA, now: datetime = NOW):
    return vault.open_card(code, by=by, reason="asked for a call", now=now, study="livet")


@pytest.mark.django_db
def test_zon_05_a_card_opens_with_its_audit_row():
    vault.store_cards(cards(2), today=DAY)
    assert open_one() == card(0)
    event = AuditEvent.objects.get()
    assert (event.verb, event.actor, event.subject, event.study) == (vault.OPEN, "vera", "CODE00000", "livet")
    assert event.detail == {"reason": "asked for a call"}


@pytest.mark.django_db
def test_zon_05_the_audit_row_stands_even_where_the_opening_fails():
    vault.store_cards(cards(1), today=DAY)
    Card.objects.update(email=b"damaged")
    with pytest.raises(Damaged):
        open_one()
    with pytest.raises(NotFound):
        open_one("UNKNOWN")
    assert AuditEvent.objects.filter(verb=vault.OPEN).count() == 2


@pytest.mark.django_db(transaction=True)
def test_zon_05_no_transaction_around_can_take_the_row_back():
    vault.store_cards(cards(1), today=DAY)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        open_one()


@pytest.mark.django_db
def test_zon_05_the_51st_of_a_day_is_refused_and_alarms():
    vault.store_cards(cards(1), today=DAY)
    for minute in range(DAILY_QUOTA):
        open_one(now=NOW + timedelta(minutes=minute))
    with pytest.raises(NotAllowed):
        open_one(now=NOW + timedelta(hours=2))
    alarm = AuditEvent.objects.get(verb=vault.QUOTA_ALARM)
    assert (alarm.actor, alarm.subject, alarm.detail) == ("vera", "CODE00000", {"quota": 50})


@pytest.mark.django_db
def test_zon_05_the_quota_is_each_persons_own_and_begins_anew_at_midnight_in_oslo():
    vault.store_cards(cards(1), today=DAY)
    late = datetime(2023, 10, 2, 21, 30, tzinfo=UTC)  # half past eleven in the evening in Oslo
    for _ in range(DAILY_QUOTA):
        open_one(now=late)
    with pytest.raises(NotAllowed):
        open_one(now=late + timedelta(minutes=29))
    assert open_one(by=Actor.staff("tor"), now=late)
    assert open_one(now=late + timedelta(minutes=31))


@pytest.mark.django_db
def test_zon_05_sending_is_not_counted():
    vault.store_cards(cards(1), today=DAY)
    for _ in range(DAILY_QUOTA):
        vault.open_cards(["CODE00000"], by=VERA, reason="letters", now=NOW, study="livet")
    assert open_one()


@pytest.mark.django_db
def test_zon_05_a_search_by_address_counts_as_an_opening():
    """Else who may open 50 cards could try any number of addresses."""
    vault.store_cards(cards(1), today=DAY)
    look_up = partial(vault.look_up, card(0).email, by=VERA, reason="she called", study="livet")
    for _number in range(DAILY_QUOTA - 1):
        open_one()
    assert look_up(now=NOW) == ["CODE00000"]
    with pytest.raises(NotAllowed):
        look_up(now=NOW)
    with pytest.raises(NotAllowed):
        open_one()
    assert AuditEvent.objects.filter(verb=vault.QUOTA_ALARM).count() == 2
    assert AuditEvent.objects.filter(verb=vault.LOOK_UP, detail={"reason": "she called"}).count() == 2
