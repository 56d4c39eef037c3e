"""CRY-11: while the journal stops all sending, each page of the desk says so and what to do; else none does."""

from datetime import timedelta

import pytest
from django.urls import reverse

from panel.journal.models import JournalState
from tests.factories import cast

pytestmark = pytest.mark.django_db
PAGES = ("index", "members_panelmember_changelist", "invitations_outgoing_changelist", "stop")


def words(client, page: str) -> str:
    answer = client.get(reverse(f"desk:{page}"), HTTP_ACCEPT_LANGUAGE="nb")
    assert answer.status_code == 200, page
    return str(answer.content.decode())


@pytest.mark.parametrize("page", PAGES)
def test_the_reason_stands_on_every_page(field, now, at_desk, page):
    signe = at_desk(cast.SIGNE)
    assert 'role="alert"' not in words(signe, page)
    JournalState.objects.create(checked_at=now, seen_at=now + timedelta(days=1))
    told = words(signe, page)
    assert told.count('role="alert"') == 1
    assert "Klokken er stilt tilbake" in told


def test_a_stranger_is_told_nothing(field, now, client):
    JournalState.objects.create(checked_at=now, seen_at=now + timedelta(days=1))
    assert (
        "Klokken"
        not in client.get(reverse("desk:login"), HTTP_ACCEPT_LANGUAGE="nb", follow=True).content.decode()
    )
