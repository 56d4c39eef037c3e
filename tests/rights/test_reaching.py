"""What a contact keeper does about who wrote or can't be reached: an act and the case that says so, or neither."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from panel.audit.models import AuditEvent
from panel.enrolment import intake
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import links, lost_contacts, replies
from panel.invitations.models import Link, LostContact, Outgoing, ReplyCase
from panel.members import services as members
from panel.members.models import PanelMember
from panel.members.rules import Role
from panel.rights import lost, own, reaching
from panel.rights.models import AddressChange, Request, Stop
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories import cast, fielding
from tests.factories.fielding import NOON

pytestmark = pytest.mark.django_db
DAY, TODAY = timedelta(days=1), NOON.date()
NIGHT = NOON + timedelta(hours=11)


@pytest.fixture
def study(mail_catcher):
    made = fielding.with_letters(fielding.study())
    members.assign_role(by=cast.SYSTEM, user=cast.user(cast.VERA), study=made, role=Role.KEEPER, now=NOON)
    intake.ensure(today=TODAY)
    return made


@pytest.fixture
def amal(study):
    (member,) = fielding.people(study)
    return PanelMember.objects.select_related("study").get(pk=member.pk)


@pytest.fixture
def case(amal):
    return replies.open_case(by=cast.VERA, member=amal, way="recorded", received_on=TODAY, now=NOON)


def paths(mail, settings):
    """The first letters of the links in a mail."""
    body = mail.get_body(("plain",)).get_content()
    return dict(re.findall(rf"{settings.BASE_URL}/(\w)/(\S+)", body))


# --- a lost link


def test_the_links_go_at_once_at_night_and_in_spite_of_every_limit(amal, study, mail_catcher, settings):
    wave = fielding.opened(study)
    members.set_mail(
        by=cast.SYSTEM, member=amal, stopped=True, paused_until=(NOON + 90 * DAY).date(), now=NOON
    )
    reaching.send_link(by=cast.VERA, member=amal, now=NIGHT)
    assert fielding.send_all(NIGHT) == 1
    (mail,) = mail_catcher.letters()
    found = paths(mail, settings)
    assert set(found) == {"a", "p", "m"}
    link = links.resolve(token=found["a"], use=Link.Use.ANSWER, now=NIGHT)
    assert (link.member, link.case.wave) == (amal, wave)
    assert "01.11.2023" in mail.get_body(("plain",)).get_content(), "until when one can answer"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert AuditEvent.objects.get(verb="link.sent_again").subject == amal.code


def test_it_counts_for_nothing_and_leaves_nothing_in_the_case(amal, study):
    fielding.opened(study)
    reaching.send_link(by=cast.VERA, member=amal, now=NIGHT)
    fielding.send_all(NIGHT)
    row = Outgoing.objects.get(kind="link_again")
    assert (row.case, row.purpose, row.state) == (None, "service", "sent")
    assert not CaseEvent.objects.exists()


def test_with_nothing_to_answer_it_is_the_link_to_the_own_page(amal, study, mail_catcher, settings):
    fielding.opened(study)
    (wave_case,) = amal.cases.all()
    waves.record_event(case=wave_case, kind=CaseEvent.Kind.COMPLETED, at=NOON)
    reaching.send_link(by=cast.VERA, member=amal, now=NOON)
    fielding.send_all(NOON)
    assert set(paths(mail_catcher.letters()[-1], settings)) == {"p", "m"}


def test_each_time_it_is_asked_a_letter_goes_five_a_day(amal, study):
    fielding.opened(study)
    for _again in range(5):
        reaching.send_link(by=cast.VERA, member=amal, now=NOON)
    with pytest.raises(NotNow):
        reaching.send_link(by=cast.VERA, member=amal, now=NOON)
    assert Outgoing.objects.filter(kind="link_again").count() == 5
    reaching.send_link(by=cast.VERA, member=amal, now=NOON + DAY)


def test_tok_01_the_public_page_sends_the_questions_too_and_to_who_has_an_open_case(amal, study):
    fielding.opened(study)
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOON)
    lost_contacts.open_case(by=cast.SYSTEM, member=amal, now=NOON)
    for _twice in range(2):
        lost.ask_link(address="m0@example.org", now=NOON)
        lost.mail_links(now=NOON)
    assert Outgoing.objects.filter(kind="link_again").count() == 1
    fielding.send_all(NOON)
    assert Outgoing.objects.get(kind="link_again").state == "sent"


def test_the_public_page_s_three_a_week_hold_whatever_the_letter(amal, study):
    sent = [own.queue_own_page(by=cast.SYSTEM, member=amal, now=NOON + day * DAY) for day in range(2)]
    fielding.opened(study)
    sent += [own.queue_own_page(by=cast.SYSTEM, member=amal, now=NOON + day * DAY) for day in range(2, 9)]
    assert sent == [True, True, True, False, False, False, False, True, True]


def test_who_asked_for_deletion_is_written_to_by_nobody(amal):
    members.set_status(by=cast.SYSTEM, member=amal, status="deleting", now=NOON)
    amal.refresh_from_db()
    with pytest.raises(NotNow):
        reaching.send_link(by=cast.VERA, member=amal, now=NOON)


# --- a reply


def test_a_link_closes_the_case(case):
    reaching.link_for_reply(by=cast.VERA, case=case, now=NOON)
    assert ReplyCase.objects.get().outcome == "link_sent"


def test_a_new_address_goes_the_usual_way_and_closes_the_case(case):
    reaching.address_for_reply(
        by=cast.VERA, case=case, address="new@example.net", reason="Wrote from there.", now=NOON
    )
    assert AddressChange.objects.get().told_staff
    assert ReplyCase.objects.get().outcome == "address_asked"


def test_law_07_delete_me_is_a_withdrawal_that_stops_what_is_queued_with_a_receipt(
    case, amal, study, mail_catcher
):
    fielding.opened(study)
    fielding.outbox.queue_due(now=NOON)
    reaching.stop_for_reply(by=cast.VERA, case=case, rung="leave_delete", told_on=TODAY, now=NOON)
    assert fielding.send_all(NOON) == 1
    assert [mail["Subject"] for mail in mail_catcher.letters()] == ["Vi har fått beskjeden din – Livet nå"]
    states = dict(Outgoing.objects.values_list("kind", "state"))
    assert states == {"invitation": "cancelled", "receipt": "sent"}
    stop = Stop.objects.get()
    assert (stop.rung, stop.channel, stop.told_on) == ("leave_delete", "told staff", TODAY)
    assert ReplyCase.objects.get().outcome == "stopped"


def test_a_question_on_rights_runs_from_the_day_the_mail_came(amal):
    case = replies.open_case(by=cast.VERA, member=amal, way="recorded", received_on=TODAY - 3 * DAY, now=NOON)
    reaching.request_for_reply(by=cast.VERA, case=case, kind="access", asked="Asks for a copy.", now=NOON)
    request = Request.objects.get()
    assert (request.kind, request.channel, request.received_on) == ("access", "mail", TODAY - 3 * DAY)
    assert ReplyCase.objects.get().outcome == "requested"


ACTS = {
    "link": lambda case, by: reaching.link_for_reply(by=by, case=case, now=NOON),
    "address": lambda case, by: reaching.address_for_reply(
        by=by, case=case, address="new@example.net", reason="Wrote.", now=NOON
    ),
    "stop": lambda case, by: reaching.stop_for_reply(
        by=by, case=case, rung="no_mail", told_on=TODAY, now=NOON
    ),
    "request": lambda case, by: reaching.request_for_reply(
        by=by, case=case, kind="access", asked="", now=NOON
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("actor", [cast.INES, cast.DAG, cast.RAVN, cast.TOR])
def test_zon_04_only_a_contact_keeper_deals_with_it(case, act, actor):
    with pytest.raises(NotAllowed):
        ACTS[act](case, actor)


@pytest.mark.parametrize("act", ACTS)
def test_a_case_that_is_closed_stays_so_and_nothing_is_done(case, act):
    replies.close(by=cast.VERA, case=case, outcome="answered", now=NOON)
    before = rows()
    with pytest.raises(NotNow):
        ACTS[act](case, cast.VERA)
    assert rows() == before


def rows():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Outgoing, AddressChange, Stop, Request, ReplyCase, LostContact, AuditEvent)
    ]


@pytest.mark.parametrize("act", ACTS)
def test_a_broken_last_write_keeps_nothing(case, act):
    before = rows()
    with patch.object(replies.audit, "record", side_effect=RuntimeError), pytest.raises(RuntimeError):
        ACTS[act](case, cast.VERA)
    assert rows() == before


# --- a lost contact


def test_no_case_is_closed_while_a_new_address_waits(amal):
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOON)
    case = lost_contacts.open_case(by=cast.SYSTEM, member=amal, now=NOON)
    end: dict[str, Any] = {
        "by": cast.VERA,
        "case": case,
        "outcome": "not_found",
        "reason": "Looked for.",
        "now": NOON,
    }
    reaching.acts.change_address(
        by=cast.VERA, member=amal, address="new@example.net", reason="Called.", now=NOON
    )
    with pytest.raises(NotNow):
        reaching.close_lost(**end)
    reaching.addresses.cancel_change(by=cast.VERA, change=AddressChange.objects.get(), now=NOON)
    with pytest.raises(BadInput):
        reaching.close_lost(**{**end, "reason": " "})
    reaching.close_lost(**end)
    assert LostContact.objects.get().outcome == "not_found"
