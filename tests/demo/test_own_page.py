"""A simulated member does on the own page what a person would, and a page that leads nowhere is an error."""

from datetime import timedelta

import pytest

from panel import clock
from panel.demo.browser import Browser
from panel.demo.mailbox import Mail
from panel.demo.own_page import OwnPage
from panel.errors import Unreachable
from panel.invitations import links
from panel.invitations.models import Link
from panel.residency.models import Evidence
from panel.rights.models import Stop
from tests.factories import fielding

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser():
    made = Browser()
    yield made
    made.close()


def own_page(server, token: str, browser: Browser) -> OwnPage:
    text = f"Your own page:\n{server.url}/p/{token}\n"
    return OwnPage(Mail("m0@example.org", "<1@example.org>", text, "", "", ""), browser)


def test_a_place_is_corrected_and_a_pause_asked_for_by_the_forms_of_the_pages(live_server, browser):
    (member,) = fielding.people(fielding.study(), 1)
    today = clock.now().date()
    (token,) = links.mint_many([links.NewLink(Link.Use.OWN, member, None)], today=today)
    page = own_page(live_server, token, browser)
    assert page.opens()
    page.correct_residence("moved_on", "2024-10")
    page.stop("pause", until=f"{today + timedelta(days=60)}")
    assert list(Evidence.objects.values_list("place", "month")) == [("moved_on", "2024-10")]
    assert Stop.objects.get().until == today + timedelta(days=60)


def test_other_hours_are_chosen_by_the_form_of_the_page(live_server, browser):
    (member,) = fielding.people(fielding.study(), 1)
    (token,) = links.mint_many([links.NewLink(Link.Use.OWN, member, None)], today=clock.now().date())
    own_page(live_server, token, browser).choose_hours("18", "21")
    member.refresh_from_db()
    assert (member.hours_from, member.hours_until) == (18, 21)


def test_what_a_page_refuses_ends_the_example_with_an_error(live_server, browser):
    (member,) = fielding.people(fielding.study(), 1)
    (token,) = links.mint_many([links.NewLink(Link.Use.OWN, member, None)], today=clock.now().date())
    with pytest.raises(Unreachable, match="HTTP 422"):
        own_page(live_server, token, browser).stop("pause", until="2020-01-01")
    assert not Stop.objects.exists()


def test_a_link_that_is_unknown_opens_nothing_and_leads_nowhere(live_server, browser):
    page = own_page(live_server, "a" * 43, browser)
    assert not page.opens()
    with pytest.raises(Unreachable, match="does not lead"):
        page.ask_copy()
