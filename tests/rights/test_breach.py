"""What a breach may have reached (GDPR 33): openings by actor from the audit trail, and what each database gives."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.audit.verbs import GROUPS
from panel.commands import WrongCall
from panel.enrolment import services as enrolment
from panel.keys.models import DataKey
from panel.members import services as members
from panel.releases import services as releases
from panel.rights import breach, zones
from panel.vault import keyring
from tests.factories import cast, fielding, recruits, scene

pytestmark = pytest.mark.django_db
NOW = scene.REMINDER_DAY
SPAN: dict[str, Any] = {"since": NOW, "until": NOW + timedelta(days=1)}


def run(*words):
    out = io.StringIO()
    call_command("breach_scope", *words, stdout=out)
    return out.getvalue()


def days(*words):
    return run("--from", f"{NOW:%Y-%m-%d}", "--to", f"{NOW:%Y-%m-%d}", *words)


@pytest.fixture
def town():
    made = cast.study()
    cast.people(made, 4)
    return made


def openings(found):
    return {(one.verb, one.actor): one.number for one in found.openings}


def test_a_span_without_an_event_says_so(town):
    assert breach.scope(**SPAN).is_empty
    assert days().strip() == "Nothing was opened in this span, by the audit trail, and no letter was sent."
    assert json.loads(days("--json"))["report_by"] is None


def test_a_card_that_was_opened_is_there_by_actor_and_the_code_only_when_asked_for(town):
    one, two, *_others = town.members.order_by("code")
    for member in (one, two):
        enrolment.open_card(by=cast.VERA, member_code=member.code, reason="Asked by phone.", now=NOW)
    found = breach.scope(**SPAN)
    assert openings(found) == {("card.opened", "staff: vera"): 2}
    assert found.codes == {"exitnorway": sorted([one.code, two.code])}
    assert found.roles == {"vera": ["keeper in exitnorway"]}
    text = days()
    assert "exitnorway: data of 2 members were within reach." in text
    assert "vera: card.opened (contact data), 2" in text
    assert one.code not in text
    assert one.code in days("--codes")


def test_who_was_erased_since_is_counted_all_the_same(town):
    member = town.members.first()
    enrolment.open_card(by=cast.VERA, member_code=member.code, reason="Asked by phone.", now=NOW)
    member.delete()
    assert breach.scope(**SPAN).codes == {"exitnorway": [member.code]}


def test_enrolments_downloads_key_work_and_role_changes_are_there(town):
    cast.enrol(town, recruits.row(30), now=NOW)
    keyring.rotate(by=cast.SYSTEM, now=NOW)
    members.assign_role(by=cast.SYSTEM, user=cast.user(cast.TOR), study=town, role="reviewer", now=NOW)
    data = {(one.verb, one.data) for one in breach.scope(**SPAN).openings}
    assert data >= {
        ("file.enrolled", breach.RECRUITMENT), ("keys.rotated", breach.KEYS), ("role.given", breach.ACCESS),
    }  # fmt: skip


def test_a_released_file_that_was_fetched_is_there():
    made = scene.scene(3)
    scene.crowd(made.study)
    asked = scene.release(made.study)
    releases.approve(by=cast.RAVN, release=asked, reason="Checked.", now=NOW)
    asked.refresh_from_db()
    file = asked.files.first().name
    releases.open_download(by=cast.INES, release=asked, file=file, now=NOW)
    assert openings(breach.scope(**SPAN))["release.downloaded", "staff: ines"] == 1


def test_letters_that_were_sent_name_the_cards_that_were_opened_for_them():
    livet = fielding.with_letters(fielding.study())
    sent_to = fielding.people(livet, 3)
    fielding.opened(livet)
    fielding.send_all()
    found = breach.scope(since=fielding.NOON, until=fielding.NOON + timedelta(hours=1))
    assert found.letters == 3
    assert found.codes == {"livet": sorted(one.code for one in sent_to)}


@pytest.mark.parametrize("zone", ["default", "vault", "keystore"])
def test_a_stolen_database_concerns_every_member_and_says_what_it_gives_away(town, zone):
    text = days("--zone", zone)
    assert "exitnorway: data of 4 members were within reach." in text
    assert zones.ALONE[zone] in text
    fields = json.loads(days("--zone", zone, "--json"))["lost"][zone]["fields"]
    named = {name for names in fields.values() for name in names}
    assert ("vault.Card.email" in named) == (zone == "vault")
    assert ("responses.Response.answers" in named) == (zone == "default")
    assert DataKey.objects.count() == 4


def test_the_deadline_is_72_hours_from_when_it_was_noticed(town):
    enrolment.open_card(
        by=cast.VERA, member_code=town.members.first().code, reason="Asked by phone.", now=NOW
    )
    assert "by 2024-03-04 10:00: 72 hours" in days("--aware", "2024-03-01T10:00")


BACKWARDS = ("--from", "2024-01-02", "--to", "2024-01-01")


@pytest.mark.parametrize("words", [("--from", "x", "--to", "2024-01-01"), BACKWARDS])
def test_a_span_that_is_none_is_a_wrong_call(words):
    with pytest.raises(WrongCall):
        run(*words)


def test_every_opening_is_an_event_that_is_recorded():
    recorded = {verb for group in GROUPS.values() for verb in group.verbs}
    assert set(breach.OPENINGS) <= recorded


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.lists(st.integers(0, 100), max_size=6), cut=st.integers(0, 101))
def test_two_spans_that_meet_count_each_opening_once(db, at, cut):
    first, last = NOW, NOW + timedelta(minutes=101)
    before = _number(first, last)
    AuditEvent.objects.bulk_create(
        AuditEvent(at=first + timedelta(minutes=minute), actor_kind="staff", actor="eve", verb="card.opened")
        for minute in at
    )
    between = first + timedelta(minutes=cut)
    assert _number(first, last) == _number(first, between) + _number(between, last) == before + len(at)


def _number(since, until):
    return sum(one.number for one in breach.scope(since=since, until=until).openings)
