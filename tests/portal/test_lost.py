"""TOK-01: the public pages that send a lost link again and take a new address answer alike for everybody."""

import pytest

from panel.members.rules import member_code
from panel.rights.models import AskedLink, GivenAddress
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


# --- a new address


def typed(**changes):
    return {"code": member_code(), "name": "Amal Example", "address": "new@example.net", **changes}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_new_address_the_same_answer_for_a_member_s_code_and_for_any_other(field, client, lang):
    with_cards(field.amal)
    pages = [
        Seen(client.post(f"/new-address?lang={lang}", typed(code=code), follow=True))
        for code in (field.amal.code, f" {field.amal.code[:4].lower()}-{field.amal.code[4:]}", member_code())
    ]
    assert len({page.response.content for page in pages}) == 1
    assert pages[0].find("//p[@role='status']")
    assert pages[0].find("//html/@lang") == [lang]
    assert GivenAddress.objects.count() == 3


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_new_address_what_can_not_be_right_is_said_at_its_field_and_kept(field, client, lang):
    page = Seen(client.post(f"/new-address?lang={lang}", typed(code="ABC", name=" ", address="new@")))
    assert page.status == 422
    assert page.find("//div[@role='alert']//a/@href") == ["#code", "#name", "#address"]
    assert page.find("//input[@id='code']/@value") == ["ABC"]
    assert not GivenAddress.objects.exists()


def test_a_new_address_is_given_from_the_public_pages_and_says_nothing_of_any_study(field, client):
    for address in ("/", "/a/unknown", "/again"):
        assert "/new-address" in see(client, address).find("//a/@href")
    page = see(client, "/new-address?lang=en")
    assert field.study.public_name not in page.text
    assert field.study.institution not in page.text
