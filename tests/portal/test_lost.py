"""TOK-01: the public page that sends a lost link again answers alike for everybody."""

import pytest

from panel.rights.models import AskedLink
from tests.factories.answering import with_cards
from tests.portal.html import LANGUAGES, Seen, see

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_answer_for_a_member_and_for_a_stranger(field, client, lang):
    with_cards(field.amal)
    pages = [
        Seen(client.post(f"/again?lang={lang}", {"address": address}, follow=True))
        for address in ("uk@example.org", "stranger@example.net")
    ]
    assert len({page.response.content for page in pages}) == 1
    assert pages[0].find("//p[@role='status']")
    assert pages[0].find("//html/@lang") == [lang]
    assert AskedLink.objects.count() == 2


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_no_address_is_said_and_kept(field, client, lang):
    page = Seen(client.post(f"/again?lang={lang}", {"address": "amal@"}))
    assert page.status == 422
    assert page.find("//div[@role='alert']//a/@href") == ["#address"]
    assert page.find("//input[@id='address']/@value") == ["amal@"]
    assert not AskedLink.objects.exists()


def test_a_bad_link_and_the_front_page_lead_there(field, client):
    for address in ("/", "/a/unknown"):
        assert "/again" in see(client, address).find("//a/@href")
    assert see(client, "/again").find("//form/@method") == ["post"]


def test_it_says_nothing_of_any_study(field, client):
    page = see(client, "/again?lang=en")
    assert field.study.public_name not in page.text
    assert field.study.institution not in page.text
