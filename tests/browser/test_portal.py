"""Respondents' pages in a real browser: a phone's width, no JavaScript, in Ukrainian, by thumb."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from panel import clock
from panel.invitations.models import Link
from panel.members.models import PanelMember
from panel.responses.models import Response
from tests.factories import answering
from tests.factories.answering import NOW

WIDTH = 360
#: Smallest side of what is pressed (WCAG 2.2 asks 24; a thumb 44).
TARGET = 43.5


@pytest.fixture
def field(transactional_db, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return answering.in_field()


@pytest.fixture
def phone(chromium, field) -> Iterator[Page]:
    """A phone without JavaScript; requests to other places and errors of the page fail the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            java_script_enabled=False, viewport={"width": WIDTH, "height": 740}, locale="uk-UA"
        )
        page = context.new_page()
        elsewhere: list[str] = []
        page.on("request", lambda request: elsewhere.append(request.url))
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        yield page
        assert not [url for url in elsewhere if not url.startswith("http://localhost:")]
        assert not [text for text in complaints if "(Unprocessable Entity)" not in text]
        assert context.cookies() == []
        browser.close()


def fits(page: Page) -> None:
    """No sideways scrolling, and everything pressed is large enough."""
    box = page.locator("main").bounding_box()
    assert box
    assert box["width"] <= WIDTH
    for place in ("header", "footer", "form", "fieldset", "p", "label", "ul"):
        for one in page.locator(place).all():
            found = one.bounding_box()
            assert found is None or found["x"] + found["width"] <= WIDTH + 0.5, (place, one.inner_text())
    pressed = page.locator("button, select, a.exit, a.start, a.back, a.stops, .languages a, label.choice")
    for one in pressed.all():
        found = one.bounding_box()
        assert found
        assert found["height"] >= TARGET, one.inner_text()


def test_a_survey_on_a_phone_without_javascript(field, phone, live_server):
    phone.goto(f"{live_server.url}/a/{field.token()}")
    fits(phone)
    phone.get_by_role("link", name="Почати").click()
    expect(phone.locator("form input[name=revision]")).to_have_count(1)
    fits(phone)
    phone.get_by_role("button", name="Зберегти й продовжити").click()  # nothing answered
    expect(phone.locator(".summary a")).to_have_count(1)
    fits(phone)
    phone.get_by_label("В іншій країні").check()
    pages = 0
    while phone.locator("form input[name=revision]").count():
        pages += 1
        if phone.locator("select[name=left_month-month]").count():
            phone.locator("select[name=left_month-month]").select_option("03")
            phone.locator("select[name=left_month-year]").select_option("2023")
        fits(phone)
        before = phone.url
        phone.locator("main form button").click()
        expect(phone).not_to_have_url(before)
    assert pages > 5
    expect(phone.locator("h1")).to_contain_text("Дякуємо")
    fits(phone)
    kept = Response.objects.get()
    assert (kept.answers["left_month"], kept.completed_at) == ("2023-03", NOW)


def test_coming_back_goes_on_where_it_was_left(field, phone, live_server):
    start = f"{live_server.url}/a/{field.token()}"
    phone.goto(start)
    phone.locator("a.start").click()
    phone.get_by_label("У Норвегії").check()
    phone.locator("main form button").click()
    phone.wait_for_url("**page=people*")
    phone.locator("a.exit").click()
    expect(phone).to_have_url(f"{live_server.url}/")
    fits(phone)
    phone.goto(start)
    phone.get_by_role("link", name="Продовжити").click()
    phone.wait_for_url("**page=people*")
    phone.locator("a.back").click()
    expect(phone.get_by_label("У Норвегії")).to_be_checked()


def test_leaving_and_taking_it_back_on_a_phone(field, phone, live_server):
    phone.goto(f"{live_server.url}/m/{field.token(Link.Use.STOP)}")
    fits(phone)
    assert phone.locator("input[name=rung]:checked").count() == 0
    phone.get_by_label("Вийти з дослідження й видалити все про мене").check()
    phone.get_by_role("button", name="Підтвердити вибір").click()
    expect(phone.locator("#error-word")).to_have_count(1)
    fits(phone)
    phone.locator("#word").fill("видалити")
    phone.get_by_role("button", name="Підтвердити вибір").click()
    expect(phone.locator("button[name=undo]")).to_have_count(1)
    fits(phone)
    assert PanelMember.objects.get(pk=field.amal.pk).status == "deleting"
    phone.locator("button[name=undo]").click()
    expect(phone.locator("button[name=undo]")).to_have_count(0)
    assert PanelMember.objects.get(pk=field.amal.pk).status == "active"


def test_the_keyboard_alone_is_enough(field, phone, live_server):
    phone.goto(f"{live_server.url}/a/{field.token()}?page=now")
    phone.keyboard.press("Tab")
    assert phone.locator("a.skip:focus").count() == 1
    assert (phone.locator("a.skip").bounding_box() or {"x": -1})["x"] >= 0
    for _press in range(2):
        phone.keyboard.press("Tab")
    assert phone.locator("input[name=where_live]:focus").count() == 1
    phone.keyboard.press("Space")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    phone.wait_for_url("**page=people*")
    assert Response.objects.get().revision == 1
