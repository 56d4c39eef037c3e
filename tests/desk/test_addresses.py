"""What a member told staff of their address, recorded at the desk (LAW-09, LAW-13, ZON-04)."""

import pytest
from django.urls import reverse

from panel.audit.models import AuditEvent
from panel.enrolment import intake, suppression
from panel.enrolment.models import NewAddress
from panel.rights import addresses
from panel.rights.models import AddressChange
from tests.factories import cast

pytestmark = pytest.mark.django_db
ADDRESS = "amal.new@example.net"


@pytest.fixture
def amal(field, now):
    intake.ensure(today=now.date())
    return field.members[0]


def given(field, member, **changes):
    return {"study": field.study.pk, "code": member.code, "reason": "Phoned on Monday.", **changes}


def test_law_09_the_keeper_asks_the_new_address_and_sees_none_afterwards(field, amal, at_desk, now):
    page = at_desk(cast.VERA).post(reverse("desk:address"), given(field, amal, address=ADDRESS), follow=True)
    assert page.status_code == 200
    assert amal.code in page.text
    assert ADDRESS not in page.text
    change = AddressChange.objects.get()
    assert (change.told_staff, addresses.waiting_change(amal, now=now)) == (True, change)
    row = AuditEvent.objects.get(verb="address_change.asked")
    assert (row.actor, row.subject, row.detail["reason"]) == ("vera", amal.code, "Phoned on Monday.")
    assert ADDRESS not in str(row.detail)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"address": "nonsense"}, 400), ({"reason": " "}, 400), ({"code": "ZZZZZZZZZ"}, 404)],
)
def test_what_cannot_be_used_is_refused_and_nothing_kept(field, amal, at_desk, changes, status):
    data = given(field, amal, **{"address": ADDRESS, **changes})
    assert at_desk(cast.VERA).post(reverse("desk:address"), data).status_code == status
    assert not NewAddress.objects.exists()


def test_law_13_never_contact_again_for_who_stays(field, amal, at_desk):
    page = at_desk(cast.VERA).post(reverse("desk:suppress"), given(field, amal), follow=True)
    assert page.status_code == 200
    amal.refresh_from_db()
    assert (amal.mail_stopped, amal.status) == (True, "active")
    assert suppression.suppressed(field.study, ["amal@example.org"]) | suppression.suppressed(
        field.study, [f"m{number}@example.org" for number in range(2, 9)]
    )
