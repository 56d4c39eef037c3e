"""A letter's preview in a real browser: frames that show, load and run nothing; a phone's width; right to left."""

import pytest

from panel.invitations import letter_files
from panel.invitations.models import Letter
from panel.members.models import Study
from tests.browser.test_desk import PHONE, SCREEN, desk, field  # noqa: F401  (fixtures)
from tests.factories import cast, scene
from tests.factories.persian import DOCUMENT


@pytest.fixture
def persian(field):  # noqa: F811
    """The scene's study writes in Persian too."""
    checks = field.study.how_to_check[:-1] + ', "fa": "nordhavn.example.org"}'
    Study.objects.update(languages=[*field.study.languages, "fa"], how_to_check=checks)
    field.study.refresh_from_db()
    (draft,) = letter_files.import_letters(by=cast.SIGNE, study=field.study, document=DOCUMENT, now=scene.NOW)
    return draft


@pytest.mark.parametrize("viewport", [PHONE, SCREEN])
@pytest.mark.parametrize("language", ["uk", "fa"])
def test_nev_06_a_preview_shows_the_letter_in_a_phone_s_width(persian, desk, viewport, language):  # noqa: F811
    with desk(cast.SIGNE, viewport) as page:
        page.goto(f"/desk/letters/{persian.pk}/preview/{language}/")
        phone = page.frame_locator("iframe").first
        link = phone.locator("a").first
        assert link.is_visible()
        frame = page.locator("iframe").first.bounding_box()
        assert frame["width"] <= 360
        assert _overflow(page) <= 0
        inside = page.locator("iframe").first.element_handle().content_frame()
        assert _overflow(inside) <= 0
        paragraph = phone.locator("p").nth(1).evaluate("p => getComputedStyle(p).direction")
        assert paragraph == ("rtl" if language == "fa" else "ltr")
        assert link.evaluate("a => getComputedStyle(a).direction") == "ltr"
        page.locator("iframe").nth(1).scroll_into_view_if_needed()
        page.frame_locator("iframe").nth(1).locator("a").first.wait_for(state="visible")


def test_each_page_of_a_letter_fits_a_phone(persian, desk):  # noqa: F811
    reminder = Letter.objects.get(kind="reminder")
    with desk(cast.LIV, PHONE) as page:
        draft = str(persian.pk)
        for where in ("", draft, f"{draft}/words/fa", f"{draft}/changes/fa", str(reminder.pk), "new"):
            page.goto(f"/desk/letters/{where}/".replace("//", "/"))
            assert _overflow(page) <= 0, where


def _overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
