"""ZON-04, ZON-05: the contact keeper finds the code of somebody who wrote or called, and nothing else of anybody."""

import pytest
from django.urls import reverse

from panel.audit.models import AuditEvent
from panel.members.models import Study
from panel.vault import services as vault
from panel.vault.rules import DAILY_QUOTA
from tests.factories import cast

pytestmark = pytest.mark.django_db
ADDRESS = "amal@example.org"


@pytest.fixture
def amal(field):
    """Members stand in the order of their codes, so who has the address is asked of the vault."""
    (card,) = vault.find_by_address([ADDRESS])[ADDRESS]
    return next(one for one in field.members if one.code == card.code)


def look(client, study, address=ADDRESS, reason="She called on Monday."):
    return client.post(reverse("desk:find"), {"study": study.pk, "address": address, "reason": reason})


def shown(answer):
    """The page itself, without its side bar."""
    return answer.text.partition('<div class="desk">')[2].partition("<script")[0]


def test_zon_04_the_answer_is_the_code_with_what_can_be_done_for_it(field, amal, at_desk):
    answer = look(at_desk(cast.VERA), field.study, " AMAL@example.org ")
    page = shown(answer)
    assert answer.status_code == 200
    assert f"<h2>{amal.code}</h2>" in page
    for route in ("stop", "request", "address"):
        link = f"{reverse('desk:' + route)}?code={amal.code}"
        assert f'href="{link}"' in page
        assert f'value="{amal.code}"' in at_desk(cast.VERA).get(link).text
    others = [one.code for one in field.members if one.code != amal.code]
    assert not [code for code in others if code in page]
    assert not [word for word in ("example.org", "Haddad", "active", "cohort") if word in page]
    assert "no-store" in answer["Cache-Control"]


def test_an_address_that_nobody_has(field, at_desk):
    page = shown(look(at_desk(cast.VERA), field.study, "somebody.else@example.org"))
    assert "Nobody here has this address." in page
    assert not [one.code for one in field.members if one.code in page]


def test_zon_05_it_is_recorded_with_its_reason_and_the_code_without_the_address(field, amal, at_desk):
    look(at_desk(cast.VERA), field.study)
    found, asked = AuditEvent.objects.filter(actor="vera").order_by("-id")[:2]
    assert (asked.verb, asked.detail) == ("member.looked_up", {"reason": "She called on Monday."})
    assert (found.verb, found.subject) == ("member.found", amal.code)


@pytest.mark.parametrize("wrong", [{"address": "amal"}, {"address": ""}, {"reason": " "}])
def test_it_wants_an_address_and_a_reason(field, at_desk, wrong):
    assert look(at_desk(cast.VERA), field.study, **wrong).status_code == 400
    assert not AuditEvent.objects.filter(verb="member.looked_up").exists()


def test_zon_05_after_fifty_in_a_day_it_stops(field, at_desk):
    vera = at_desk(cast.VERA)
    assert [look(vera, field.study).status_code for _number in range(DAILY_QUOTA)] == [200] * DAILY_QUOTA
    assert look(vera, field.study).status_code == 403
    assert AuditEvent.objects.filter(verb="card.quota_exceeded", actor="vera").exists()


def test_another_study_can_not_be_asked(field, at_desk):
    other = Study.objects.get(slug="another")
    assert look(at_desk(cast.VERA), other).status_code == 400
    assert look(at_desk(cast.TOR), other).status_code == 403
