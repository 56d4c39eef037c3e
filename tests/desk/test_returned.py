"""What came back of a letter, at the desk: by code and class, on the letter's page and as a filter of the outbox."""

import pytest
from django.urls import reverse

from panel.invitations import returns
from panel.invitations.bounces import Finding, Kind
from panel.invitations.models import Outgoing
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def letter(field):
    row = Outgoing.objects.filter(state="sent").earliest("pk")
    gone = Finding(Kind.HARD, "5.1.1", "no_such_user", final=True)
    returns.note_return(by=returns.READER, row_id=row.pk, finding=gone, now=NOW)
    return row


def test_a_letters_page_says_what_came_back_and_no_word_of_it(letter, at_desk):
    page = at_desk(cast.SIGNE).get(reverse("desk:invitations_outgoing_change", args=[letter.pk])).text
    assert "can’t be delivered (5.1.1)" in page
    assert "@" not in page.partition("<main")[2].partition("</main>")[0]


def test_the_outbox_shows_those_letters_alone(letter, at_desk):
    signe, outbox = at_desk(cast.SIGNE), reverse("desk:invitations_outgoing_changelist")
    found = signe.get(outbox, {"returned": "hard"}).text
    assert letter.member.code in found
    assert found.count("field-member_code") == 1
    assert letter.member.code not in signe.get(outbox, {"returned": "complaint"}).text
