"""A contact keeper's pages and the public page for a new address in a real browser, on a phone and a screen."""

import os
from pathlib import Path

import pytest

from panel.enrolment import intake
from panel.invitations import lost_contacts, replies
from panel.members import services as members
from panel.rights.models import GivenAddress
from tests.browser.test_desk import PHONE, SCREEN, desk, field  # noqa: F401
from tests.browser.test_portal import field as in_field  # noqa: F401
from tests.browser.test_portal import fits
from tests.browser.test_portal import phone as phone  # noqa: F401
from tests.factories import cast, scene

NOW = scene.NOW + 3 * scene.DAY


def shot(page, name):
    """A picture, where somebody wants to look."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])
def test_a_keeper_s_pages_fit(field, desk, size):  # noqa: F811
    amal, other = field.members[3], field.members[4]
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOW)
    lost = lost_contacts.open_case(by=cast.SYSTEM, member=amal, now=NOW)
    lost_contacts.note_step(by=cast.VERA, case=lost, kind="no_answer", now=NOW)
    reply = replies.open_case(by=cast.VERA, member=other, way="recorded", received_on=NOW.date(), now=NOW)
    members.decide(by=cast.LIV, study=field.study, setting="phone_channel", reason="No e-mail.", now=NOW)
    with desk(cast.VERA, size) as page:
        pages = {
            "start": "/desk/", "lost": "/desk/lost/", "lost-case": f"/desk/lost/{lost.pk}/",
            "close": f"/desk/lost/{lost.pk}/close/", "replies": "/desk/replies/",
            "reply": f"/desk/replies/{reply.pk}/", "stop": f"/desk/replies/{reply.pk}/stop/",
            "key": f"/desk/key/?code={amal.code}", "pass": f"/desk/pass/?code={amal.code}",
        }  # fmt: skip
        for name, address in pages.items():
            page.goto(address)
            shot(page, f"{name}-{size['width']}")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        page.fill("[name=reason]", "No e-mail any more.")
        page.get_by_role("button", name="Make the link").click()
        assert "/a/" in page.locator(".desk-note").inner_text()
        shot(page, f"passed-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_a_new_address_is_given_by_thumb_in_ukrainian(in_field, phone, live_server):  # noqa: F811
    intake.ensure(today=NOW.date())
    phone.goto(f"{live_server.url}/new-address?lang=uk")
    fits(phone)
    shot(phone, "new-address")
    phone.locator("button.button").click()
    assert phone.locator("[aria-invalid=true]").count() == 3
    fits(phone)
    shot(phone, "new-address-amiss")
    phone.fill("#code", in_field.amal.code)
    phone.fill("#name", "Амаль Приклад")
    phone.fill("#address", "new@example.net")
    phone.locator("button.button").click()
    assert phone.locator("[role=status]").count() == 1
    fits(phone)
    shot(phone, "new-address-asked")
    assert GivenAddress.objects.count() == 1
