"""Pages of plans in a real browser: nothing wider than a phone, nothing loaded from elsewhere, no script needed."""

import pytest

from panel.invitations import planning
from panel.waves.plans import usual_plan
from tests.browser.test_desk import PHONE, SCREEN, desk, field  # noqa: F401  (fixtures)
from tests.factories import cast, scene


@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_plan_dry_run_and_change_fit_the_screen(field, desk, size):  # noqa: F811
    wave = field.wave
    planning.propose_change(
        by=cast.SIGNE, wave=wave, plan=usual_plan(reminder_days=[9]), opens_at=wave.opens_at,
        closes_at=wave.closes_at, now=scene.NOW + 3 * scene.DAY,
    )  # fmt: skip
    with desk(cast.SIGNE, size) as page:
        for name in ("plan/", f"{wave.pk}/", f"{wave.pk}/dry-run/", f"{wave.pk}/plan/", f"{wave.pk}/change/"):
            page.goto(f"/desk/waves/{name}")
            assert page.locator("h1, h2").count()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (name, wide)
