"""The member's own page in a real browser: a phone's width, no JavaScript, in Ukrainian; and on paper."""

import json

import pytest
from playwright.sync_api import Page, expect

from panel.enrolment import intake
from panel.invitations import links
from panel.invitations.models import Link
from panel.keys import services as keys
from panel.members.models import PanelMember
from panel.residency.models import Evidence
from panel.rights import copies
from panel.rights.models import AddressChange, CopyRequest
from tests.browser import test_portal as portal
from tests.factories import answering
from tests.factories.answering import NOW

field, phone, fits = portal.field, portal.phone, portal.fits


@pytest.fixture
def own(field, live_server):
    keys.initialise(today=answering.OPENS.date())
    intake.ensure(today=answering.OPENS.date())
    answering.with_cards(field.amal)
    return f"{live_server.url}/p/{field.token(Link.Use.OWN)}"


def of_request(field, use, occasion):
    new = links.NewLink(use, field.amal, None, occasion)
    return links.mint_many([new], today=NOW.date())[0]


def test_telling_where_one_lives(field, phone: Page, own):
    phone.goto(own)
    fits(phone)
    phone.get_by_role("link", name="Переглянути або виправити").click()
    expect(phone.locator("input[name=place]:checked")).to_have_count(0)
    fits(phone)
    phone.get_by_role("button", name="Повідомити").click()
    expect(phone.locator("#error-place")).to_have_count(1)
    fits(phone)
    phone.get_by_label("Знову в Україні").check()
    phone.locator("#month").select_option("09")
    phone.get_by_role("button", name="Повідомити").click()
    expect(phone.locator("#error-month")).to_have_count(1)
    expect(phone.get_by_label("Знову в Україні")).to_be_checked()
    expect(phone.locator("#month")).to_have_value("09")
    phone.locator("#year").select_option("2023")
    phone.get_by_role("button", name="Повідомити").click()
    expect(phone.locator("[role=status]")).to_have_count(1)
    expect(phone.locator("main")).to_contain_text("з вересня 2023")
    fits(phone)
    assert Evidence.objects.get().month == "2023-09"


def test_a_new_address_from_the_own_page_to_the_letter(field, phone: Page, own, live_server):
    phone.goto(own)
    phone.get_by_role("link", name="Повідомити нову електронну адресу").click()
    fits(phone)
    phone.locator("#address").fill("amal.new")
    phone.locator("main form button").click()
    expect(phone.locator("#error-address")).to_have_count(1)
    expect(phone.locator("#address")).to_have_value("amal.new")
    fits(phone)
    phone.locator("#address").fill("amal.new@example.net")
    phone.locator("main form button").click()
    expect(phone.locator("button[name=stop]")).to_have_count(1)
    fits(phone)
    change = AddressChange.objects.get()
    phone.goto(f"{live_server.url}/c/{of_request(field, Link.Use.CONFIRM, change.pk)}")
    fits(phone)
    phone.get_by_role("button", name="Так, це моя адреса").click()
    expect(phone.locator("button[name=stop]")).to_have_count(1)
    fits(phone)
    change.refresh_from_db()
    assert change.state == "confirmed"
    phone.goto(f"{live_server.url}/x/{of_request(field, Link.Use.CANCEL, change.pk)}")
    fits(phone)
    phone.get_by_role("button", name="Зупинити зміну").click()
    expect(phone.locator("main form")).to_have_count(0)
    change.refresh_from_db()
    assert change.state == "cancelled"


def test_a_copy_is_saved_to_the_phone(field, phone: Page, own, live_server):
    phone.goto(own)
    phone.get_by_role("link", name="Отримати копію всього").click()
    fits(phone)
    phone.get_by_role("button", name="Надіслати мені посилання на копію").click()
    expect(phone.locator("[role=status]")).to_have_count(1)
    fits(phone)
    token = of_request(field, Link.Use.COPY, CopyRequest.objects.get().pk)
    phone.goto(f"{live_server.url}/d/{token}")
    fits(phone)
    copies.make_copies(now=NOW)
    phone.reload()
    fits(phone)
    for name, ending in (("Завантажити, щоб прочитати", "html"), ("Завантажити для", "json")):
        with phone.expect_download() as saved:
            phone.get_by_role("button", name=name).click()
        assert saved.value.suggested_filename == f"copy.{ending}"
        text = saved.value.path().read_text(encoding="utf-8")
        assert "uk@example.org" in text
    assert json.loads(text)["contact"]["first_name"] == "Amal"


def test_the_language_and_a_pause_by_thumb(field, phone: Page, own):
    phone.goto(own)
    phone.locator("#language").select_option("ru")
    phone.get_by_role("button", name="Зберегти").click()
    expect(phone.locator("html")).to_have_attribute("lang", "ru")
    fits(phone)
    assert PanelMember.objects.get(pk=field.amal.pk).language == "ru"
    phone.locator("main a.stops").click()
    fits(phone)
    phone.locator("input[name=rung][value=pause]").check()
    phone.locator("#until").fill("2024-01-01")
    phone.get_by_role("button", name="Подтвердить выбор").click()
    expect(phone.locator("button[name=undo]")).to_have_count(1)
    fits(phone)
    phone.locator("a.back").click()
    expect(phone.locator("section.standing li")).to_have_count(1)
    fits(phone)


def test_on_paper_the_own_page_has_no_buttons(field, phone: Page, own):
    phone.goto(own)
    phone.emulate_media(media="print")
    for gone in ("a.exit", "form", ".languages", ".ways-on"):
        for one in phone.locator(gone).all():
            assert not one.is_visible(), gone
    assert phone.locator("dl.held").is_visible()
