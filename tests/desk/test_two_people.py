"""ZON-04: coordinator and contact keeper in one person only by the study's switch, with a reason its page shows."""

import pytest
from django.urls import reverse

from panel.audit.models import AuditEvent
from panel.members.models import StaffRole
from tests.factories import cast

pytestmark = pytest.mark.django_db
REASON = "Three people run this panel."


@pytest.fixture
def page(field):
    return reverse("desk:members_study_change", args=[field.study.pk])


def test_one_person_is_both_only_after_a_decision_that_everybody_on_the_study_can_read(field, at_desk, page):
    liv, give = at_desk(cast.LIV), {"username": "signe", "role": "keeper"}
    refused = liv.post(f"{page}role/", give)
    assert (refused.status_code, "must be two people" in refused.text) == (403, True)
    assert at_desk(cast.SIGNE).get(reverse("desk:card")).status_code == 403
    setting = {"setting": "coordinator_opens_cards", "reason": ""}
    assert liv.post(f"{page}decide/", setting).status_code == 400
    assert liv.post(f"{page}decide/", {**setting, "reason": REASON}).status_code == 302
    assert liv.post(f"{page}role/", give).status_code == 302
    assert at_desk(cast.SIGNE).get(reverse("desk:card")).status_code == 200
    for who in (cast.SIGNE, cast.VERA, cast.INES, cast.DAG):
        assert REASON in at_desk(who).get(page).text
    kept = AuditEvent.objects.filter(verb__in=["setting.decided", "role.given"]).order_by("-id")[:2]
    assert [(event.verb, event.actor) for event in kept] == [
        ("role.given", "liv"),
        ("setting.decided", "liv"),
    ]
    assert kept[1].detail["reason"] == REASON


def test_the_switch_of_one_study_opens_nothing_in_another(field, at_desk, page):
    at_desk(cast.LIV).post(f"{page}decide/", {"setting": "coordinator_opens_cards", "reason": REASON})
    another = StaffRole.objects.get(user__username="tor").study
    leader = cast.user(cast.INES)
    StaffRole.objects.create(user=leader, study=another, role="leader")
    there = reverse("desk:members_study_change", args=[another.pk])
    assert at_desk(cast.INES).post(f"{there}role/", {"username": "tor", "role": "keeper"}).status_code == 403


def test_nobody_but_the_leader_decides_or_gives_roles(field, at_desk, page):
    for who in (cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.DAG):
        setting = {"setting": "coordinator_opens_cards", "reason": REASON}
        assert at_desk(who).post(f"{page}decide/", setting).status_code in (403, 404)
        assert at_desk(who).post(f"{page}role/", {"username": who.name, "role": "leader"}).status_code in (
            403,
            404,
        )
