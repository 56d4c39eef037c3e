"""A new address by the pages (LAW-09): given on the own page, confirmed at the new one, stopped at the old one."""

from datetime import timedelta

import pytest

from panel.audit.rules import Actor
from panel.invitations import links
from panel.invitations.models import Link, Outgoing
from panel.rights import addresses
from panel.rights.models import AddressChange
from tests.factories.answering import NOW
from tests.portal.html import LANGUAGES, Seen, see

pytestmark = pytest.mark.django_db
NEW = "amal.new@example.net"


@pytest.fixture
def page(field):
    return f"/p/{field.token(Link.Use.OWN)}/address"


@pytest.fixture
def asked(field):
    by = Actor.member(field.amal.code)
    return addresses.ask_change(by=by, member=field.amal, address=NEW, now=NOW)


def link(asked, use):
    """A link of one of the two letters."""
    new = links.NewLink(use, asked.member, None, asked.pk)
    return f"/{links.PATHS[use]}/" + links.mint_many([new], today=NOW.date())[0]


def state():
    return AddressChange.objects.get().state


def test_a_new_address_is_asked_for_and_two_letters_go(field, client, page):
    after = Seen(client.post(f"{page}?lang=en", {"address": f" {NEW.upper()} "}, follow=True))
    assert (after.status, state()) == (200, "asked")
    assert "We have written to the new address" in after.text
    assert NEW not in after.text.lower()
    kinds = set(Outgoing.objects.values_list("kind", flat=True))
    assert kinds == {"confirm_address", "address_notice"}


@pytest.mark.parametrize("typed", ["", "amal", "amal@", "a b@example.org", "x" * 250 + "@example.org"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_no_address_is_said_and_kept(field, client, page, typed, lang):
    after = Seen(client.post(f"{page}?lang={lang}", {"address": typed}))
    assert after.status == 422
    assert after.find("//div[@role='alert']//a/@href") == ["#address"]
    assert after.find("//input[@id='address']/@value") == [typed]
    assert after.find("//input[@id='address']/@aria-invalid") == ["true"]
    assert not AddressChange.objects.exists()


def test_the_change_can_be_stopped_where_it_was_asked(field, client, page):
    client.post(page, {"address": NEW})
    assert see(client, page).find("//button[@name='stop']")
    client.post(page, {"stop": "yes"})
    assert state() == "cancelled"
    assert not see(client, page).find("//button[@name='stop']")
    assert client.post(page, {"stop": "yes"}).status_code == 303  # pressed twice


def test_too_many_are_refused_in_words(field, client, page):
    for number in range(3):
        client.post(page, {"address": f"n{number}@example.net"})
    after = Seen(client.post(f"{page}?lang=en", {"address": NEW}))
    assert after.status == 409
    assert "several times this week" in after.text
    assert after.find("//input[@id='address']/@value") == [NEW]


def test_nobody_learns_whether_an_address_is_known(field, client, page):
    """The same page whoever else has it."""
    first = Seen(client.post(f"{page}?lang=en", {"address": "nb@example.org"}, follow=True)).text
    second = Seen(client.post(f"{page}?lang=en", {"address": NEW}, follow=True)).text
    assert first == second


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_link_at_the_new_address_confirms_by_post_alone(asked, client, lang):
    address = f"{link(asked, Link.Use.CONFIRM)}?lang={lang}"
    assert see(client, address).find("//form//button")
    assert state() == "asked"
    after = Seen(client.post(address, follow=True))
    assert (after.status, state()) == (200, "confirmed")
    assert after.find("//form//button/@name") == ["stop"]


def test_a_stranger_at_the_new_address_can_do_nothing_but_confirm(asked, client):
    """It may be mistyped: no way from there to the ladder, the own page or what is held."""
    address = link(asked, Link.Use.CONFIRM)
    page = see(client, address)
    assert not [one for one in page.find("//a/@href") if one.endswith(("/stop", "/own")) or one[:3] == "/p/"]
    for further in ("stop", "own"):
        assert client.get(f"{address}/{further}").status_code == 404
    token = address.removeprefix("/c/")
    assert {client.get(f"/{letter}/{token}").status_code for letter in "amopxdk"} == {404}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_link_at_the_old_address_stops_by_post_alone(asked, client, lang):
    address = f"{link(asked, Link.Use.CANCEL)}?lang={lang}"
    assert see(client, address).find("//form//button")
    assert state() == "asked"
    after = Seen(client.post(address, follow=True))
    assert (after.status, state()) == (200, "cancelled")
    assert not after.find("//form")


def test_the_old_address_can_stop_what_was_confirmed_and_never_confirms(asked, client):
    confirm, cancel = link(asked, Link.Use.CONFIRM), link(asked, Link.Use.CANCEL)
    client.post(confirm)
    client.post(cancel)
    assert state() == "cancelled"
    assert Seen(client.post(f"{confirm}?lang=en")).status == 409
    assert state() == "cancelled"
    assert "The change is stopped" in see(client, f"{confirm}?lang=en").text


def test_either_address_and_the_own_page_say_that_a_day_goes_by_and_stop_it_meanwhile(asked, client, page):
    """The change that was confirmed waits a day after the old address was told."""
    confirm = link(asked, Link.Use.CONFIRM)
    assert "one day after we have told the old address" in see(client, f"{page}?lang=en").text
    assert "a day has passed since our letter" in see(client, f"{link(asked, Link.Use.CANCEL)}?lang=en").text
    for address in (f"{page}?lang=en", f"{confirm}?lang=en"):
        client.post(confirm)
        after = see(client, address)
        assert "one day after we have told the old address. Until then it can be stopped" in after.text
        assert after.find("//button[@name='stop']")
    client.post(confirm, {"stop": "yes"})
    assert state() == "cancelled"
    assert not see(client, confirm).find("//form")


def test_what_the_keeper_was_told_promises_no_day(asked, client, page):
    AddressChange.objects.update(told_staff=True)
    confirm = link(asked, Link.Use.CONFIRM)
    after = Seen(client.post(f"{confirm}?lang=en", follow=True))
    assert "one day after" not in after.text
    assert "in a little while" in see(client, f"{page}?lang=en").text
    assert "a day has passed" not in see(client, f"{link(asked, Link.Use.CANCEL)}?lang=en").text


def test_a_double_click_does_no_harm(asked, client):
    confirm = link(asked, Link.Use.CONFIRM)
    assert client.post(confirm).status_code == 303
    assert "the address is confirmed" in Seen(client.post(f"{confirm}?lang=en", follow=True)).text


@pytest.mark.parametrize("use", [Link.Use.CONFIRM, Link.Use.CANCEL])
def test_after_a_week_the_links_look_like_unknown_ones(asked, client, now, use):
    address = f"{link(asked, use)}?lang=en"
    now(NOW + timedelta(days=7))
    assert client.post(address).status_code in {303, 409}
    now(NOW + timedelta(days=8))
    assert client.get(address).content == client.get("/c/unknown?lang=en").content
