"""A mark as unwanted mail pauses letters like the mail program's button: the member sees it and takes it back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError

from panel.audit.models import AuditEvent
from panel.invitations import returns
from panel.invitations.bounces import Finding, Kind
from panel.invitations.models import Returned
from panel.invitations.services import queue_service
from panel.members.models import PanelMember
from panel.rights import pausing, services
from panel.rights.models import Stop
from panel.rights.rules import ONE_CLICK_PAUSE, Rung
from tests.factories import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
UNTIL = NOW.date() + ONE_CLICK_PAUSE


@pytest.fixture
def amal():
    return cast.amal(cast.study())


@pytest.fixture
def complain(amal):
    def act(reason: str = "abuse") -> None:
        row = queue_service(member=amal, occasion=uuid4(), now=NOW)
        finding = Finding(Kind.COMPLAINT, reason=reason)
        returns.note_return(by=returns.READER, row_id=row.pk, finding=finding, now=NOW)

    return act


def test_tok_03_a_complaint_pauses_letters_and_erases_nothing(amal, complain):
    complain()
    assert pausing.heed_complaints(now=NOW) == 1
    stop = Stop.objects.get()
    assert (stop.rung, stop.channel, stop.until) == (Rung.PAUSE, Stop.Channel.COMPLAINT, UNTIL)
    kept = PanelMember.objects.get()
    assert (kept.paused_until, kept.status, kept.mail_stopped, kept.place) == (
        UNTIL,
        "active",
        False,
        amal.place,
    )


def test_the_member_takes_it_back(amal, complain):
    complain()
    pausing.heed_complaints(now=NOW)
    services.undo_stop(by=cast.Actor.member(amal.code), stop=Stop.objects.get(), now=NOW + timedelta(days=1))
    assert PanelMember.objects.get().paused_until is None
    assert pausing.heed_complaints(now=NOW + timedelta(days=1)) == 0  # heeded once


def test_a_longer_pause_and_a_complaint_before_stand_as_they_are(amal, complain):
    later = UNTIL + timedelta(days=30)
    services.ask_stop(
        by=cast.Actor.member(amal.code), member=amal, rung=Rung.PAUSE, channel=Stop.Channel.OWN_PAGE,
        until=later, now=NOW,
    )  # fmt: skip
    complain()
    complain()
    assert pausing.heed_complaints(now=NOW) == 2
    assert Stop.objects.count() == 1
    assert PanelMember.objects.get().paused_until == later


def test_a_report_on_a_signature_is_no_complaint(complain):
    complain("auth_failure")
    assert pausing.heed_complaints(now=NOW) == 0
    assert not Stop.objects.exists()


def test_nothing_is_kept_of_a_pause_whose_last_write_fails(complain, monkeypatch):
    complain()

    def broken(**_given):
        raise DatabaseError

    events = AuditEvent.objects.count()
    monkeypatch.setattr(pausing, "ask_stop", broken)
    with pytest.raises(DatabaseError):
        pausing.heed_complaints(now=NOW)
    assert not Returned.objects.get().acted_on
    assert AuditEvent.objects.count() == events
