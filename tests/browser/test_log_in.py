"""Log-in and second factor in a real browser: by keyboard, on a phone, with a security key; nothing from elsewhere."""

import os

import pytest
from django.core.cache import cache
from playwright.sync_api import sync_playwright

from tests.factories import cast
from tests.staff.conftest import PASSWORD, code

PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
KEY = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def dag(transactional_db, monkeypatch, settings):
    """His log-in, where everybody needs a second factor."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright runs a loop of its own in this thread
    settings.SECOND_FACTOR = True
    cache.clear()
    cast.study()
    user = cast.user(cast.DAG)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture(params=[PHONE, SCREEN], ids=["phone", "screen"])
def page(request, chromium, live_server, dag):
    """A browser whose complaints, and requests to other places, fail the test."""
    wrong = []
    with sync_playwright() as driver:
        flags = ["--disable-background-networking", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport=request.param, locale="en-GB", base_url=live_server.url)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda asked: wrong.append(asked.url) if not _ours(asked.url, live_server) else None
        )
        yield page
        browser.close()
    assert not wrong


def _ours(url, server):
    return url.startswith((server.url, "data:"))


def fits(page):
    """As wide as the window, one heading, and the first field has the focus where there is one."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, page.url
    assert page.locator("h1").count() == 1, page.url


def log_in(page):
    """By keyboard alone: the first field has the focus."""
    page.goto("/desk/")
    page.locator("[name=username]:focus").wait_for()
    fits(page)
    page.keyboard.type("dag")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def confirm(page, address):
    """Goes somewhere that asks once more who one is, if it does."""
    page.goto(address)
    if "/confirm/" in page.url:
        fits(page)
        page.locator("[name=password]:focus").wait_for()
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{address}")
    fits(page)


def log_out(page):
    page.evaluate("document.querySelector('#logout-form').submit()")
    page.wait_for_url("**/desk/login/")


def test_an_app_is_set_up_and_asked_for_by_keyboard(page):
    log_in(page)
    page.wait_for_url("**/desk/account/second/")
    fits(page)
    confirm(page, "/desk/account/second/app/")
    secret = page.locator("details code").text_content()
    page.locator("[name=code]:focus").wait_for()
    page.keyboard.type(code(secret))
    page.keyboard.press("Enter")
    page.wait_for_url("**/codes/")
    fits(page)
    spare = page.locator(".desk-codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").press("Enter")
    page.wait_for_url("**/desk/")
    log_out(page)
    log_in(page)
    page.locator("[name=code]:focus").wait_for()
    fits(page)
    page.keyboard.type(spare)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/")


def test_a_security_key_is_set_up_and_used(page):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    log_in(page)
    page.wait_for_url("**/desk/account/second/")
    confirm(page, "/desk/account/second/key/")
    page.fill("[name=name]", "Blue key")
    page.get_by_role("button", name="Add the key").press("Enter")
    page.wait_for_url("**/codes/")
    page.goto("/desk/account/second/")
    page.get_by_text("Blue key").wait_for()
    log_out(page)
    log_in(page)
    page.wait_for_url("**/login/second/")
    page.get_by_role("button", name="Use a security key").press("Enter")
    page.wait_for_url("**/desk/")


def test_a_key_that_does_not_answer_is_said_on_the_page(page):
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**KEY, "isUserVerified": False}})
    log_in(page)
    page.wait_for_url("**/desk/account/second/")
    confirm(page, "/desk/account/second/key/")
    page.evaluate("() => { navigator.credentials.create = () => Promise.reject(new Error('no')) }")
    page.get_by_role("button", name="Add the key").click()
    page.get_by_text("did not answer").wait_for()
