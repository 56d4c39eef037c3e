"""The hours at which letters come: the member's own choice, said by two clocks, worked out from nothing."""

import pytest

from panel.audit.models import AuditEvent
from panel.invitations.models import Link, Outgoing
from panel.invitations.rules import Reason, State
from panel.members import hours
from panel.members.models import PanelMember
from tests.factories.answering import NOW
from tests.portal.html import LANGUAGES, Seen, see

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(field):
    return f"/p/{field.token(Link.Use.OWN)}/hours"


def chosen(field):
    amal = PanelMember.objects.get(pk=field.amal.pk)
    return amal.hours_from, amal.hours_until


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hours_are_said_by_both_clocks_in_each_language(client, page, lang):
    seen = see(client, f"{page}?lang={lang}")
    for clock in ("10:00", "17:00", "11:00", "18:00"):
        assert clock in seen.text
    assert not seen.find("//script")
    assert not seen.find("//option[@selected]"), "nothing is chosen for anybody"


def test_hours_are_chosen_and_given_back(field, client, page):
    seen = Seen(client.post(f"{page}?lang=en", {"from": "19", "until": "22"}, follow=True))
    assert "You chose: from 19:00 to 22:00 in Norway, which is from 20:00 to 23:00 in Kyiv." in seen.text
    assert chosen(field) == (19, 22)
    event = AuditEvent.objects.get(verb="member.hours_set")
    assert (event.subject, event.detail) == (field.amal.code, {}), "which hours is nobody's business"
    client.post(page, {"usual": "yes", "from": "19", "until": "22"})
    assert chosen(field) == (None, None)


@pytest.mark.parametrize(
    "sent",
    [
        {"from": "19", "until": ""},
        {"from": "", "until": "22"},
        {"from": "9", "until": "11"},
        {"from": "6", "until": "12"},
        {"from": "20", "until": "23"},
        {"from": "15", "until": "12"},
        {"from": "²", "until": "12"},
    ],
)
def test_hours_that_no_letter_could_keep_to_are_refused_and_stand_to_be_mended(field, client, page, sent):
    answer = client.post(page, sent)
    assert answer.status_code == 422
    assert Seen(answer).find("//*[@aria-invalid='true']")
    assert chosen(field) == (None, None)


def test_what_waits_for_the_old_hours_is_looked_at_again(field, client, page):
    later = NOW.replace(hour=10)
    row = Outgoing.objects.create(
        member=field.amal, case=field.case(), purpose="waves", occasion=field.case().pk, kind="reminder",
        state=State.DEFERRED, reason=Reason.OUTSIDE_HOURS, planned_at=NOW, due_at=later.replace(year=2030),
    )  # fmt: skip
    client.post(page, {"from": "7", "until": "22"})
    row.refresh_from_db()
    assert row.due_at.year < 2030


def test_nothing_of_the_choice_stays_when_its_record_can_t_be_written(field, client, page, monkeypatch):
    def broken(**_given):
        raise RuntimeError("no audit")

    monkeypatch.setattr(hours.audit, "record", broken)
    with pytest.raises(RuntimeError):
        client.post(page, {"from": "19", "until": "22"})
    assert chosen(field) == (None, None)
