"""LAW-12: contact data go after the day members were told, when somebody says so; silence is not loss."""

import io
import json
from datetime import date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import links, lost_contacts
from panel.invitations.models import Link
from panel.journal.models import JournalEntry
from panel.keys.models import DataKey
from panel.members import services as members
from panel.members.models import PanelMember
from panel.rights import retention
from panel.rights.management.commands import retention as command
from panel.rights.models import RetentionReport
from panel.rights.retention_rules import Facts, Ground, ground
from panel.vault.models import Card
from tests.factories import answering, cast
from tests.factories.fielding import OSLO

pytestmark = pytest.mark.django_db
UNTIL = date(2032, 12, 31)
LAST_DAY = datetime(2032, 12, 31, 23, 59, tzinfo=OSLO)
AFTER = LAST_DAY + timedelta(minutes=2)


@pytest.fixture
def study():
    made = cast.study(retention_until=UNTIL)
    cast.people(made, 3)
    later = cast.study("later", name="LATER", retention_until=date(2040, 1, 1))
    cast.people(later, 2, start=20)
    return made


def run(monkeypatch, *words, now=AFTER):
    out = io.StringIO()
    monkeypatch.setattr(command.clock, "now", lambda: now)
    call_command("retention", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(None), None),
        (Facts(UNTIL), None),
        (Facts(date(2032, 12, 30)), Ground.DATE),
        (Facts(UNTIL, unreachable=True), None),
        (Facts(UNTIL, closed_without_address=True), None),
        (Facts(UNTIL, unreachable=True, closed_without_address=True), Ground.LOST),
        (Facts(None, unreachable=True, closed_without_address=True), Ground.LOST),
    ],
)
def test_law_12_when_a_card_goes(facts, why):
    assert ground(facts, today=UNTIL) == why


def test_law_12_an_address_that_is_dead_and_a_search_that_ended_without_another(study, monkeypatch):
    """Years before the day in the letter; a refused address alone, or an open search, is no ground."""
    found, looked_for, refused = study.members.order_by("code")
    early = cast.NOW + timedelta(days=40)
    members.mark_unreachable(by=cast.SYSTEM, members=[found, looked_for, refused], now=cast.NOW)
    cases = [lost_contacts.open_case(by=cast.SYSTEM, member=one, now=cast.NOW) for one in (found, looked_for)]
    assert run(monkeypatch, now=early)["studies"] == []
    lost_contacts.close(
        by=cast.VERA, case=cases[1], outcome="not_found", reason="Nobody knows another.", now=early
    )
    (due,) = run(monkeypatch, now=early)["studies"]
    assert due == {
        "study": "exitnorway", "until": "2032-12-31", "cards": 1,
        "no address that works, and none was found": 1,
    }  # fmt: skip
    assert Card.objects.count() == 5, "a dry run by default"
    run(monkeypatch, "--apply", now=early)
    assert Card.objects.count() == 4
    assert JournalEntry.objects.get(kind="card_erased").code == looked_for.code
    members.mark_reachable(by=cast.VERA, member=looked_for, now=early)
    assert not retention.due(study, today=early.date()).codes, "while letters go there it is not lost"


def test_law_12_past_the_end_no_row_of_a_contact_is_left(study, monkeypatch):
    """The vault and the keystore are walked: only the other study's are there."""
    assert (Card.objects.count(), DataKey.objects.count()) == (5, 5)
    assert run(monkeypatch, "--apply")["applied"] is True
    assert (Card.objects.count(), DataKey.objects.count()) == (2, 2)
    assert PanelMember.objects.filter(study=study).count() == 3, "answers stay, by code"
    assert set(JournalEntry.objects.filter(kind="card_erased").values_list("code", flat=True)) == set(
        study.members.values_list("code", flat=True)
    )
    assert run(monkeypatch)["studies"] == []


def test_law_12_without_apply_nothing_is_changed(study, monkeypatch):
    found = run(monkeypatch)
    assert found["applied"] is False
    assert found["studies"] == [
        {"study": "exitnorway", "until": "2032-12-31", "cards": 3, "the date in the letter": 3}
    ]
    assert (Card.objects.count(), AuditEvent.objects.filter(verb__startswith="retention").count()) == (5, 0)


def test_law_12_on_the_last_day_they_are_still_kept(study, monkeypatch):
    assert run(monkeypatch, "--apply", now=LAST_DAY)["studies"] == []
    assert Card.objects.count() == 5


def test_law_12_silence_and_a_refused_address_are_no_loss(study, monkeypatch):
    PanelMember.objects.update(unreachable=True)
    assert run(monkeypatch, "--apply", now=cast.NOW)["studies"] == []
    assert Card.objects.count() == 5


def test_law_12_the_nightly_job_only_reports_until_the_leader_orders(study):
    assert (retention.look(now=AFTER), retention.look(now=AFTER)) == (1, 0)
    report = RetentionReport.objects.get()
    assert (report.study, report.counts["cards"], Card.objects.count()) == (study, 3, 5)
    assert AuditEvent.objects.filter(verb="retention.reported").count() == 1
    retention.order(by=cast.LIV, study=study, typed="EXITNORWAY", now=AFTER)
    with pytest.raises(NotNow):
        retention.order(by=cast.LIV, study=study, typed="EXITNORWAY", now=AFTER)
    assert Card.objects.count() == 5, "a worker does it"
    retention.look(now=AFTER)
    assert Card.objects.count() == 2
    assert (RetentionReport.objects.get().ordered_by, retention.open_report(study)) == ("liv", None)


@pytest.mark.parametrize("who", [cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.DAG, cast.TOR])
def test_law_12_nobody_but_the_leader_orders(study, who):
    retention.look(now=AFTER)
    with pytest.raises(NotAllowed):
        retention.order(by=who, study=study, typed="EXITNORWAY", now=AFTER)


def test_law_12_nothing_is_ordered_by_accident(study):
    with pytest.raises(NotNow):
        retention.order(by=cast.LIV, study=study, typed="EXITNORWAY", now=AFTER)
    retention.look(now=AFTER)
    with pytest.raises(BadInput):
        retention.order(by=cast.LIV, study=study, typed="exit", now=AFTER)


def test_law_12_a_crash_leaves_the_order_standing(study, monkeypatch):
    retention.look(now=AFTER)
    retention.order(by=cast.LIV, study=study, typed="EXITNORWAY", now=AFTER)

    def fail(**_given):
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(retention.audit, "record", fail)
        with pytest.raises(DatabaseError):
            retention.look(now=AFTER)
    assert RetentionReport.objects.get().done_at is None
    assert not JournalEntry.objects.filter(kind="card_erased").exists()
    retention.look(now=AFTER)
    assert JournalEntry.objects.filter(kind="card_erased").count() == 3
    assert Card.objects.count() == 2


def test_law_12_what_expires_by_itself_is_counted_and_dropped(answered_wave, monkeypatch):
    wave, member = answered_wave
    case = member.cases.get()
    links.mint_many([links.NewLink(Link.Use.ANSWER, member, case)], today=cast.NOW.date())
    now = wave.closes_at + timedelta(days=20)
    assert run(monkeypatch, now=now)["expired"]["links"] == 1
    assert Link.objects.count() == 1
    run(monkeypatch, "--apply", now=now)
    assert Link.objects.count() == 0


@pytest.fixture
def answered_wave():
    field = answering.in_field()
    answering.waves.turn(now=answering.CLOSES + timedelta(days=1))
    return field.wave, field.amal
