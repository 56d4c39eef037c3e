"""The outbox's page: why letters wait and until when; what is decided for many; the pause that everybody sees."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from panel.desk.words import REASONS
from panel.invitations.models import Outgoing, SendingPause
from panel.invitations.rules import Reason
from panel.members.models import SilentDay, Study
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db
LIST = "desk:invitations_outgoing_changelist"


def page(name):
    return reverse(f"desk:invitations_outgoing_{name}")


def test_every_reason_has_words():
    assert set(REASONS) == set(Reason)


def test_what_waits_says_why_how_many_and_when_next(field, at_desk):
    rows = Outgoing.objects.filter(state="sent")[:2]
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(
        state="deferred", reason=Reason.SILENT_DAY, due_at=NOW + timedelta(days=3)
    )
    signe = at_desk(cast.SIGNE)
    shown = signe.get(reverse(LIST)).text
    assert "a day of silence" in shown
    assert "state__exact=deferred&amp;reason=silent_day" in shown
    only = signe.get(reverse(LIST), {"state__exact": "deferred", "reason": "silent_day"}).text
    assert only.count("field-member_code") == 2
    assert (
        "a day of silence" in signe.get(reverse("desk:invitations_outgoing_change", args=[rows[0].pk])).text
    )


def test_a_letter_that_is_not_sent_shows_no_time_at_which_it_would_go(field, at_desk):
    row = Outgoing.objects.filter(state="sent").first()
    Outgoing.objects.filter(pk=row.pk).update(
        state="cancelled", reason=Reason.CLOSED, due_at=datetime(2031, 3, 9, 10, tzinfo=UTC)
    )
    signe = at_desk(cast.SIGNE)
    for address in (reverse(LIST), reverse("desk:invitations_outgoing_change", args=[row.pk])):
        shown = signe.get(address).text
        assert "the wave closed" in shown
        assert " 2031" not in shown


@pytest.mark.parametrize("who", [cast.LIV, cast.SIGNE])
def test_pause_all_is_one_button_with_a_reason_and_stands_in_red_until_lifted(field, at_desk, who):
    desk = at_desk(who)
    assert page("pause") in desk.get(reverse(LIST)).text
    assert desk.post(page("pause"), {"study": field.study.pk, "reason": " "}).status_code == 400
    desk.post(page("pause"), {"study": field.study.pk, "reason": "A wrong link in the letter."})
    for address in (reverse(LIST), reverse("desk:index")):
        shown = at_desk(cast.SIGNE).get(address).text
        assert "desk-stopped" in shown
        assert "A wrong link in the letter." in shown
    again = desk.post(page("pause"), {"study": field.study.pk, "reason": "Twice."})
    assert (again.status_code, "paused already" in again.text) == (409, True)
    lifted = desk.post(page("lift"), {"study": field.study.pk}, follow=True)
    assert "The letters go on." in lifted.text
    assert "desk-stopped" not in lifted.text
    assert desk.post(page("lift"), {"study": field.study.pk}).status_code == 409


def test_a_server_that_can_t_be_reached_has_its_sentence(field, at_desk):
    SendingPause.objects.create(
        why="no_server", paused_by="clock", since=NOW, until=NOW + timedelta(minutes=2)
    )
    shown = at_desk(cast.LIV).get(reverse(LIST)).text
    assert "The mail server can’t be reached: ask whoever runs it." in shown
    assert "One letter is tried at" in shown


def test_doubts_are_decided_by_wave_and_fault(field, at_desk):
    doubtful = Outgoing.objects.filter(state="unconfirmed")
    number = doubtful.count()
    one = doubtful.first()
    Outgoing.objects.filter(pk=one.pk).update(reason=Reason.LINE_BROKE)
    given = {
        "study": field.study.pk, "wave": field.wave.pk, "fault": "line_broke", "decision": "again", "reason": "Log."
    }  # fmt: skip
    done = at_desk(cast.SIGNE).post(page("unconfirmed"), given, follow=True)
    assert "Decided on 1 letter" in done.text
    assert (Outgoing.objects.get(pk=one.pk).state, doubtful.count()) == ("queued", number - 1)


def test_failed_letters_are_tried_again_one_by_one_or_all_of_a_reason(field, at_desk):
    rows = list(Outgoing.objects.filter(state="sent", case__wave=field.wave)[:3])
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(state="failed", reason=Reason.POLICY)
    signe = at_desk(cast.SIGNE)
    step = reverse("desk:invitations_outgoing_step", args=[rows[0].pk, "once-more"])
    assert step in signe.get(reverse("desk:invitations_outgoing_change", args=[rows[0].pk])).text
    assert signe.post(step, {"reason": "Lifted."}).status_code == 302
    assert signe.post(step, {"reason": "Twice."}).status_code == 409
    given = {"study": field.study.pk, "failed": "policy", "reason": "The block is lifted."}
    assert "2 letters are queued again." in signe.post(page("failed"), given, follow=True).text
    assert signe.post(page("failed"), given).status_code == 409


def test_limits_and_days_of_silence_are_changed_on_the_study_s_page(field, at_desk):
    liv = at_desk(cast.LIV)

    def step(slug):
        return reverse("desk:members_study_step", args=[field.study.pk, slug])

    raised = {"limit": "mails_max", "value": "8"}
    assert liv.post(step("limit"), raised).status_code == 400
    assert liv.post(step("limit"), {**raised, "reason": "Case 12 of the board."}).status_code == 302
    assert Study.objects.get(pk=field.study.pk).mails_max == 8
    assert liv.post(step("silent-day"), {"day": "31", "month": "2", "name": "None"}).status_code == 400
    assert liv.post(step("silent-day"), {"day": "3", "month": "6", "name": "Our day"}).status_code == 302
    day = SilentDay.objects.get(name="Our day")
    shown = liv.get(reverse("desk:members_study_change", args=[field.study.pk])).text
    assert "Our day" in shown
    assert "Case 12 of the board." in shown
    assert liv.post(step("silent-day-out"), {"day": day.pk, "reason": "A mistake."}).status_code == 302
    assert not SilentDay.objects.filter(pk=day.pk).exists()
