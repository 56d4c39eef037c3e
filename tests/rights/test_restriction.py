"""LAW-10, from its request on: a restriction freezes mails, edits and releases, and keeps the data."""

import pytest

from panel.errors import NotNow
from panel.invitations.models import Outgoing
from panel.members.models import Study
from panel.releases import extracts
from panel.residency import services as residency
from panel.responses.models import Response
from panel.responses.services import save_page
from panel.rights import acts, requests, selectors
from panel.rights.models import Request
from tests.factories import cast, fielding, scene

pytestmark = pytest.mark.django_db
NOW = scene.REMINDER_DAY


@pytest.fixture
def made():
    return scene.scene(8)


def restricted(made, number):
    """A member whose request for restriction was granted."""
    member = made.members[number]
    request = requests.receive(by=cast.SIGNE, member=member, kind="restriction", channel="mail", now=NOW)
    acts.restrict(by=cast.LIV, request=request, reason="Says that an answer is wrong.", now=NOW)
    return member, request


def reminders():
    return set(Outgoing.objects.filter(kind="reminder", state="sent").values_list("member__code", flat=True))


def in_file(study: Study):
    return len(extracts.microdata(study, None)[1])


def test_law_10_absent_from_the_batch_and_the_extract_and_back_when_lifted(made):
    others = {one.code for one in made.members if not Response.objects.filter(case__member=one).exists()}
    number = next(n for n, one in enumerate(made.members) if one.code in others)
    before = in_file(made.study)
    member, request = restricted(made, number)
    fielding.send_all(NOW)
    assert reminders() == others - {member.code}
    assert Outgoing.objects.get(member=member, kind="reminder").reason == "held"
    assert in_file(made.study) == before - 1
    acts.lift(by=cast.LIV, request=request, now=NOW)
    fielding.send_all(NOW + scene.DAY)
    assert member.code in reminders()
    assert in_file(made.study) == before


def test_law_10_nothing_is_changed_by_the_member_or_by_staff_and_nothing_is_lost(made):
    answered = Response.objects.filter(case__wave=made.wave).select_related("case__member").first()
    number = next(n for n, one in enumerate(made.members) if one == answered.case.member)
    member, _request = restricted(made, number)
    answers = dict(answered.answers)
    with pytest.raises(NotNow):
        save_page(case=answered.case, page="now", raw={}, language="uk", revision=0, now=NOW)
    with pytest.raises(NotNow, match="restricted"):
        residency.told_staff(by=cast.SIGNE, member=member, place="returned", now=NOW)
    answered.refresh_from_db()
    assert answered.answers == answers


def test_law_10_rights_still_work_while_it_lasts(made):
    """A copy, an answer and a way out: a restriction is no cage."""
    member, _request = restricted(made, 0)
    asked = requests.receive(by=cast.VERA, member=member, kind="access", channel="phone", now=NOW)
    acts.copy(by=cast.LIV, request=asked, now=NOW)
    requests.answer(by=cast.LIV, request=asked, text="Ось.", done="A copy is made.", now=NOW)
    assert selectors.messages_for(member).count() == 1
    out = requests.receive(by=cast.VERA, member=member, kind="withdrawal", channel="phone", now=NOW)
    acts.stop(by=cast.LIV, request=out, rung="leave_keep", told_on=NOW.date(), now=NOW)
    assert Request.objects.filter(member=member).count() == 3
