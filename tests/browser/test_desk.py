"""The desk in a real browser: log-in, review by keyboard, a phone's width; nothing loaded from elsewhere (NEV-06)."""

import os
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from panel import clock
from panel.residency.models import Flag
from panel.rights import files, requests
from tests.factories import cast, scene

PASSWORD = "a long enough password"
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
def field(transactional_db, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright runs a loop of its own in this thread
    monkeypatch.setattr(clock, "now", lambda: scene.NOW + 3 * scene.DAY)
    made = scene.scene(5)
    for actor in (cast.SIGNE, cast.VERA, cast.LIV):
        user = cast.user(actor)
        user.set_password(PASSWORD)
        user.save()
    return made


@pytest.fixture
def desk(chromium, live_server):
    """`with desk(actor) as page:` somebody logged in; what went wrong in the browser fails the test."""

    @contextmanager
    def enter(actor, viewport=SCREEN):
        wrong = []
        with sync_playwright() as driver:
            flags = ["--disable-background-networking", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
            browser = driver.chromium.launch(executable_path=chromium, args=flags)
            page = browser.new_page(viewport=viewport, locale="en-GB", base_url=live_server.url)
            page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on(
                "request",
                lambda asked: wrong.append(asked.url) if not _ours(asked.url, live_server) else None,
            )
            page.goto("/desk/")
            page.fill("[name=username]", actor.name)
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_url("**/desk/")
            yield page
            browser.close()
        assert not wrong

    return enter


def _ours(url, server):
    return url.startswith((server.url, "data:"))


def test_a_flag_is_reviewed_by_keyboard_alone(field, desk):
    with desk(cast.SIGNE) as page:
        page.goto("/desk/flags/?state__exact=open")
        _tab_to(page, field.flag.member.code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/flags/*-*/**")
        _tab_to(page, "Confirm")
        page.keyboard.press("Enter")
        page.wait_for_url("**/confirm/")
        _into(page, "Reason")
        page.keyboard.type("Month and place fit.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Confirmed.").wait_for()
        assert page.get_by_text("Month and place fit.").is_visible()
    assert not Flag.objects.filter(state="open").exists()


def test_a_request_on_rights_is_answered_by_keyboard_alone(field, desk):
    one = requests.receive(
        by=cast.VERA, member=field.members[1], kind="question", channel="phone", now=clock.now()
    )
    with desk(cast.LIV) as page:
        page.goto("/desk/requests/?due=open")
        _tab_to(page, one.code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/requests/*-*/**")
        _tab_to(page, "Answer")
        page.keyboard.press("Enter")
        page.wait_for_url("**/answer/")
        _into(page, "Answer, in the member’s language")
        page.keyboard.type("Так.")
        page.keyboard.press("Tab")
        page.keyboard.type("Looked it up.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Answered.").wait_for()
        assert page.get_by_text("Looked it up.").is_visible()
    one.refresh_from_db()
    assert one.state == "answered"


def _into(page, label):
    """Into the first field: it has the focus by itself, or else, on a busy machine at times, by the Tab key."""
    field = page.get_by_label(label)
    for _press in range(60):
        try:
            return expect(field).to_be_focused(timeout=1000 if _press == 0 else 50)
        except AssertionError:
            page.keyboard.press("Tab")
    raise AssertionError(f"{label} can't be reached by the Tab key.")


def _tab_to(page, words):
    for _press in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    raise AssertionError(f"{words} can't be reached by the Tab key.")


@pytest.mark.parametrize("viewport", [PHONE, SCREEN], ids=["phone", "screen"])
def test_no_page_is_wider_than_its_window(field, desk, viewport):
    pages = ("", "waves/", f"waves/{field.wave.pk}/", "members/", f"members/{field.members[0].pk}/", "flags/",
             f"flags/{field.flag.pk}/", "outbox/", "waves/plan/", "stop/", f"studies/{field.study.pk}/")  # fmt: skip
    with desk(cast.SIGNE, viewport) as page:
        for address in pages:
            page.goto(f"/desk/{address}")
            wider = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wider <= 0, address
            assert page.locator("h1").count() == 1, address


@pytest.mark.parametrize("viewport", [PHONE, SCREEN], ids=["phone", "screen"])
def test_no_page_of_rights_is_wider_than_its_window(field, desk, viewport):
    member, now = field.members[1], clock.now()
    one = requests.receive(
        by=cast.VERA, member=member, kind="erasure", channel="phone", now=now, asked="Every file. " * 60
    )
    item = files.register(
        by=cast.LIV, study=field.study, kind="linked_file", what="Panel_2022_2023_" * 7, where="Disk " * 30,
        holder="Ines", made_on=one.received_on, codes=[member.code], now=now,
    )  # fmt: skip
    pages = ("", "requests/", f"requests/{one.pk}/", f"requests/{one.pk}/answer/", f"requests/{one.pk}/stop/",
             "request/", "outside/", f"outside/{item.pk}/", "outside/register/", f"members/{member.pk}/")  # fmt: skip
    with desk(cast.LIV, viewport) as page:
        for address in pages:
            page.goto(f"/desk/{address}")
            wider = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wider <= 0, address
            assert page.locator("h1").count() == 1, address


def test_a_card_is_opened_and_going_back_asks_again(field, desk):
    with desk(cast.VERA) as page:
        page.goto("/desk/card/")
        page.fill("[name=code]", field.members[0].code)
        page.fill("[name=reason]", "A letter came back.")
        page.get_by_role("button", name="Open the card").click()
        expect(page.get_by_text("@example.org")).to_be_visible()
        page.get_by_role("link", name="Close the card").click()
        expect(page.locator("[name=code]")).to_have_value("")
        assert page.url.endswith("/desk/card/")
        assert "@example.org" not in page.content()
