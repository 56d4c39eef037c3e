"""Lost contact (RES-03, LAW-12): a case is about letters alone, one open at a time, and shows what was tried."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import lost_contacts
from panel.invitations.models import LostContact, LostContactStep
from panel.members import services as members
from panel.residency.models import Evidence, Flag
from tests.factories import cast

pytestmark = pytest.mark.django_db
NOW, TODAY = cast.NOW, cast.NOW.date()
READER = Actor.system("bounces")
Outcome, Kind = LostContact.Outcome, LostContactStep.Kind


@pytest.fixture
def study(db):
    return cast.study()


@pytest.fixture
def amal(study):
    return cast.amal(study)


def opened(member):
    members.mark_unreachable(by=READER, members=[member], now=NOW)
    return lost_contacts.open_case(by=READER, member=member, now=NOW)


def steps(case):
    return list(case.steps.order_by("number").values_list("kind", "by"))


def test_one_case_is_open_for_a_member_however_many_letters_come_back(amal):
    first, second = opened(amal), opened(amal)
    assert first == second
    assert (first.opened_on, first.due_on) == (TODAY, TODAY + timedelta(days=30))
    assert steps(first) == [("opened", "bounces")]
    assert AuditEvent.objects.filter(verb="lost_contact.opened", subject=amal.code).count() == 1


def test_res_03_no_step_of_a_case_is_evidence_of_leaving(amal):
    before = (amal.status, amal.place)
    case = opened(amal)
    for kind in lost_contacts.BY_HAND:
        lost_contacts.note_step(by=cast.VERA, case=case, kind=kind, now=NOW)
    lost_contacts.close(by=cast.VERA, case=case, outcome=Outcome.NOT_FOUND, reason="Nobody knows.", now=NOW)
    amal.refresh_from_db()
    assert (amal.status, amal.place) == before
    assert not Evidence.objects.filter(member=amal).exists()
    assert not Flag.objects.filter(member=amal).exists()
    assert not amal.holds.exists()


def test_trying_the_same_address_again_lets_letters_go_and_keeps_the_case_open(amal):
    case = opened(amal)
    lost_contacts.try_again(by=cast.VERA, case=case, now=NOW)
    amal.refresh_from_db()
    assert not amal.unreachable
    assert steps(case)[1:] == [("tried_again", "vera")]
    assert lost_contacts.open_case_of(amal) == case


def test_it_works_again_only_where_letters_are_not_held_up(amal):
    case = opened(amal)
    with pytest.raises(NotNow):
        lost_contacts.close(by=cast.VERA, case=case, outcome=Outcome.WORKS_AGAIN, reason="Answered.", now=NOW)
    lost_contacts.try_again(by=cast.VERA, case=case, now=NOW)
    lost_contacts.close(by=cast.VERA, case=case, outcome=Outcome.WORKS_AGAIN, reason="Answered.", now=NOW)
    case.refresh_from_db()
    assert (case.state, case.outcome, case.closed_on) == ("closed", "works_again", TODAY)


def test_what_is_closed_stays_so_and_a_new_one_can_be_opened(amal):
    case = opened(amal)
    lost_contacts.close(by=cast.VERA, case=case, outcome=Outcome.LET_BE, reason="Said so.", now=NOW)
    for act in (
        lambda: lost_contacts.try_again(by=cast.VERA, case=case, now=NOW),
        lambda: lost_contacts.note_step(by=cast.VERA, case=case, kind=Kind.SPOKEN, now=NOW),
        lambda: lost_contacts.close(
            by=cast.VERA, case=case, outcome=Outcome.LET_BE, reason="Twice.", now=NOW
        ),
    ):
        with pytest.raises(NotNow):
            act()
    assert opened(amal) != case


@pytest.mark.parametrize("outcome", [Outcome.NEW_ADDRESS, Outcome.NOT_NEEDED, "found"])
def test_outcomes_that_come_by_themselves_are_chosen_by_nobody(amal, outcome):
    with pytest.raises(BadInput):
        lost_contacts.close(by=cast.VERA, case=opened(amal), outcome=outcome, reason="So.", now=NOW)


@pytest.mark.parametrize("actor", [cast.SIGNE, cast.LIV, cast.INES, cast.DAG, cast.TOR])
def test_only_a_contact_keeper_works_on_a_case(amal, actor):
    case = opened(amal)
    with pytest.raises(NotAllowed):
        lost_contacts.note_step(by=actor, case=case, kind=Kind.SPOKEN, now=NOW)
    with pytest.raises(NotAllowed):
        lost_contacts.close(by=actor, case=case, outcome=Outcome.LET_BE, reason="So.", now=NOW)


def test_nobody_is_looked_for_who_left(amal):
    case = opened(amal)
    assert lost_contacts.close_of_leavers(by=READER, now=NOW) == 0
    members.set_status(by=cast.SYSTEM, member=amal, status="left", now=NOW)
    assert lost_contacts.close_of_leavers(by=READER, now=NOW) == 1
    case.refresh_from_db()
    assert (case.state, case.outcome) == ("closed", "not_needed")


def test_law_12_whose_search_ended_without_an_address(study):
    people = cast.people(study, 5)
    ends = [Outcome.NOT_FOUND, Outcome.LET_BE, Outcome.WORKS_AGAIN, None, Outcome.NOT_FOUND]
    for member, end in zip(people, ends, strict=True):
        case = opened(member)
        if end == Outcome.WORKS_AGAIN:
            lost_contacts.try_again(by=cast.VERA, case=case, now=NOW)
        if end:
            lost_contacts.close(by=cast.VERA, case=case, outcome=end, reason="Looked for.", now=NOW)
    opened(people[4])  # somebody looks again
    assert lost_contacts.closed_without_address(study) == {people[0].code, people[1].code}


def test_open_and_late_cases_are_counted(study, amal):
    opened(amal)
    assert lost_contacts.pressure([study], today=TODAY) == {"lost": 1, "lost_late": 0}
    late = TODAY + timedelta(days=31)
    assert lost_contacts.pressure([study], today=late) == {"lost": 1, "lost_late": 1}


ACTS = {
    "open": lambda case: lost_contacts.open_case(by=READER, member=case.member, now=NOW),
    "note": lambda case: lost_contacts.note_step(by=cast.VERA, case=case, kind=Kind.SPOKEN, now=NOW),
    "try": lambda case: lost_contacts.try_again(by=cast.VERA, case=case, now=NOW),
    "close": lambda case: lost_contacts.close(
        by=cast.VERA, case=case, outcome=Outcome.LET_BE, reason="Said so.", now=NOW
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_broken_last_write_keeps_nothing(study, act):
    one, other = cast.people(study, 2)
    case = opened(one) if act != "open" else LostContact(member=other)
    before = (
        list(LostContact.objects.values()),
        list(LostContactStep.objects.values()),
        AuditEvent.objects.count(),
    )
    with patch.object(lost_contacts.audit, "record", side_effect=RuntimeError), pytest.raises(RuntimeError):
        ACTS[act](case)
    after = (
        list(LostContact.objects.values()),
        list(LostContactStep.objects.values()),
        AuditEvent.objects.count(),
    )
    assert after == before
    one.refresh_from_db()
    assert one.unreachable == (act != "open")
