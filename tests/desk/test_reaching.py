"""Lost contacts and replies at the desk (RES-03, ZON-04): by code, with a day; what a contact keeper does."""

from datetime import timedelta

import pytest
from django.urls import reverse
from kombu.exceptions import OperationalError

from config import schedule
from panel.desk import nudge
from panel.enrolment import intake
from panel.invitations import lost_contacts, replies, sending, services
from panel.invitations.models import LostContact, Outgoing, ReplyCase
from panel.members import services as members
from panel.rights.models import Request, Stop
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def amal(field):
    return field.members[5]


@pytest.fixture
def lost(amal):
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOW)
    return lost_contacts.open_case(by=cast.SYSTEM, member=amal, now=NOW)


@pytest.fixture
def reply(amal):
    return replies.open_case(by=cast.VERA, member=amal, way="recorded", received_on=NOW.date(), now=NOW)


@pytest.fixture
def vera(at_desk):
    return at_desk(cast.VERA)


def step(client, case, slug, **given):
    kind = case._meta.model_name
    return client.post(reverse(f"desk:invitations_{kind}_step", args=[case.pk, slug]), given, follow=True)


def shown(client, case):
    page = client.get(reverse(f"desk:invitations_{case._meta.model_name}_change", args=[case.pk])).text
    return page.partition('<div class="desk">')[2].partition("<script")[0]


# --- lost contacts


def test_a_case_shows_its_steps_and_neither_address_status_nor_place(lost, vera, at_desk):
    step(vera, lost, "tried", kind="no_answer")
    for client in (vera, at_desk(cast.SIGNE), at_desk(cast.LIV)):
        page = shown(client, lost)
        assert lost.member.code in page
        assert "vera" in page
        hidden = ("example.org", "Haddad", "active", "in Norway", "cohort")
        assert not [word for word in hidden if word in page]
    assert reverse("desk:card") not in shown(at_desk(cast.SIGNE), lost), "the coordinator opens no card"


def test_a_keeper_tries_the_same_address_again_and_closes(lost, amal, vera):
    step(vera, lost, "try-address")
    amal.refresh_from_db()
    assert not amal.unreachable
    step(vera, lost, "close", outcome="works_again", reason="Answered yesterday.")
    lost.refresh_from_db()
    assert (lost.state, lost.outcome) == ("closed", "works_again")


def test_open_cases_stand_in_the_side_bar_and_late_ones_are_red(lost, vera, now):
    page = vera.get(reverse("desk:index")).text
    assert reverse("desk:invitations_lostcontact_changelist") + "?presses=open" in page
    LostContact.objects.update(due_on=NOW.date() - DAY)
    (entry,) = [
        item
        for group in vera.get(reverse("desk:index")).context["sidebar_navigation"]
        for item in group["items"]
        if item["link"] == reverse("desk:invitations_lostcontact_changelist")
    ]
    assert (entry["badge"], entry["badge_variant"]) == (1, "danger")


@pytest.mark.parametrize("which", ["open", "late", "accept"])
def test_what_presses_can_be_picked_out(lost, vera, which):
    page = vera.get(reverse("desk:invitations_lostcontact_changelist"), {"presses": which})
    assert page.status_code == 200
    assert (lost.member.code in page.text) == (which == "open")


# --- replies


def test_a_mail_in_the_study_s_inbox_is_recorded_by_code(field, amal, vera):
    given = {"study": field.study.pk, "code": amal.code.lower(), "received_on": NOW.date() - DAY}
    page = vera.post(reverse("desk:reply"), given, follow=True)
    case = ReplyCase.objects.get()
    assert page.redirect_chain[0][0] == reverse("desk:invitations_replycase_change", args=[case.pk])
    assert (case.member, case.way, case.due_on) == (amal, "recorded", NOW.date() + 6 * DAY)


def test_delete_me_becomes_a_stop_with_a_receipt(reply, amal, vera):
    step(vera, reply, "stop", rung="leave_delete", told_on=NOW.date())
    assert Stop.objects.get(member=amal).rung == "leave_delete"
    assert Outgoing.objects.get(member=amal, kind="receipt").state == "queued"
    reply.refresh_from_db()
    assert (reply.state, reply.outcome, reply.handled_by) == ("closed", "stopped", "vera")


def test_the_other_ways_a_reply_ends(field, vera):
    intake.ensure(today=NOW.date())
    ways = {
        "answered": ({}, "answered"),
        "link": ({}, "link_sent"),
        "address": ({"address": "new@example.net", "reason": "Wrote from there."}, "address_asked"),
        "to-request": ({"kind": "question", "asked": "When is the next one?"}, "requested"),
        "nothing": ({"reason": "Only thanks."}, "nothing"),
    }
    for member, (slug, (given, outcome)) in zip(field.members, ways.items(), strict=False):
        case = replies.open_case(by=cast.VERA, member=member, way="recorded", received_on=NOW.date(), now=NOW)
        assert step(vera, case, slug, **given).status_code == 200, slug
        case.refresh_from_db()
        assert case.outcome == outcome, slug
    assert Request.objects.filter(kind="question", channel="mail").exists()


def test_an_overdue_reply_is_an_alarm_on_the_start_page(reply, vera):
    ReplyCase.objects.update(due_on=NOW.date() - DAY)
    page = vera.get(reverse("desk:index"))
    (tile,) = [one for one in page.context["waiting"] if one["url"].endswith("?due=late")]
    assert (tile["number"], tile["alarm"]) == (1, True)
    assert 'role="alert"' in shown(vera, reply)


def test_a_coordinator_sees_no_reply(reply, at_desk):
    page = at_desk(cast.SIGNE).get(reverse("desk:invitations_replycase_changelist"))
    assert page.status_code == 403


# --- a lost link


def test_from_a_code_the_link_is_sent_again(field, amal, vera):
    page = vera.post(reverse("desk:link"), {"study": field.study.pk, "code": amal.code}, follow=True)
    assert amal.code in page.text
    row = Outgoing.objects.get(member=amal, kind="link_again")
    assert (row.state, row.due_at) == ("queued", NOW)


def test_from_an_address_everything_can_be_done_for_the_member(field, vera):
    given = {"study": field.study.pk, "address": "amal@example.org", "reason": "She wrote."}
    page = vera.post(reverse("desk:find"), given).text
    for route in ("stop", "request", "address", "link", "reply"):
        assert f'href="{reverse("desk:" + route)}?code=' in page


def test_from_the_click_to_the_mail_no_tick_is_waited_for(
    field, amal, vera, monkeypatch, mail_catcher, django_capture_on_commit_callbacks
):
    """Half a minute: what was written is handed to the workers as soon as it is committed."""
    asked = []
    monkeypatch.setattr(nudge.tasks.dispatch, "apply_async", lambda **how: asked.append(how))
    with django_capture_on_commit_callbacks(execute=True):
        vera.post(reverse("desk:link"), {"study": field.study.pk, "code": amal.code})
    assert asked == [{"retry": False}]
    (claimed,) = [one for one in services.dispatch(now=NOW) if one.service_mail]
    assert sending.send_chunk(claim=claimed.claim, now=NOW) >= 1
    assert Outgoing.objects.get(member=amal, kind="link_again").state == "sent"
    assert schedule.beat(timedelta(seconds=30))["invitations-dispatch"]["schedule"] == timedelta(seconds=30)


def test_without_a_broker_the_next_tick_finds_it(
    field, amal, vera, monkeypatch, django_capture_on_commit_callbacks
):
    def away(**how):
        raise OperationalError

    monkeypatch.setattr(nudge.tasks.dispatch, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        page = vera.post(reverse("desk:link"), {"study": field.study.pk, "code": amal.code})
    assert page.status_code == 302
    assert Outgoing.objects.get(member=amal, kind="link_again").state == "queued"


# --- by telephone


def test_a_link_to_pass_on_is_shown_once_and_the_form_to_key_in_too(field, amal, vera):
    members.decide(by=cast.LIV, study=field.study, setting="phone_channel", reason="No e-mail.", now=NOW)
    given = {"study": field.study.pk, "code": amal.code, "reason": "No e-mail."}
    page = vera.post(reverse("desk:pass"), given)
    assert page.status_code == 200
    assert "/a/" in page.text
    assert "no-store" in page["Cache-Control"]
    assert "/a/" not in vera.get(reverse("desk:pass")).text
    assert vera.post(reverse("desk:key"), {**given, "mode": "assisted"}).status_code == 400, "not agreed to"
    keyed = vera.post(reverse("desk:key"), {**given, "mode": "assisted", "agreed": "on"})
    assert keyed.status_code == 200
    assert 'rel="noopener noreferrer"' in keyed.text


def test_by_telephone_nothing_is_done_unless_the_study_decided_for_it(field, amal, vera):
    given = {"study": field.study.pk, "code": amal.code, "reason": "No e-mail."}
    assert vera.post(reverse("desk:pass"), given).status_code == 409
