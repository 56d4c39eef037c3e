"""The border of the desk: a refusal is a page with a sentence, also for who is not inside; counts in words."""

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client

from panel.desk import accounts
from panel.desk.start import WAITING
from panel.errors import NotNow

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("error", "status"), [(NotNow("Not before noon."), 409), (Http404(), 404)])
def test_who_is_not_logged_in_reads_a_refusal_without_the_side_bar(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def refuse(self: accounts.LogIn, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        raise error

    monkeypatch.setattr(accounts.LogIn, "dispatch", refuse)
    answer = client.get("/desk/login/")
    assert answer.status_code == status
    page = answer.content.decode()
    assert ("Not before noon." if status == 409 else "There is no such page") in page
    assert 'id="nav-sidebar"' not in page
    assert "desk-door" in page


def test_a_count_of_one_is_said_as_one() -> None:
    for _kind, words, _table, _query in WAITING:
        assert str(words % 1) != str(words % 2)
