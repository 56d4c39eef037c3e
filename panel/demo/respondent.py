"""One simulated respondent with one letter: follows its links over HTTP and answers as a browser would.

Knows pages and forms, never the database. Which answers are decided is in the conduct; the rest are thrown.
"""

import random
from datetime import date, timedelta

from lxml.html import FormElement

from panel.demo.browser import Browser, Control, Page
from panel.demo.mailbox import Mail
from panel.demo.people import Conduct
from panel.errors import Unreachable
from panel.rights.rules import DELETE_WORDS

REFUSALS = {"not_said"}
ALONE = {"none", "no_one", "not_said"}
PAGES_AT_MOST = 30


class Respondent:
    """Acts on one letter. A page that can't be gone on from ends the example with an error: it must not happen."""

    def __init__(self, mail: Mail, conduct: Conduct, browser: Browser, *, seed: float) -> None:
        self.mail, self.conduct, self.browser = mail, conduct, browser
        self.rng = random.Random(seed)  # noqa: S311 - invented people's dice

    def act(self, ordinal: int) -> None:
        """What the person does on the how-manieth letter of a wave (0 the invitation; -1 no answer link)."""
        conduct = self.conduct
        if ordinal < 0:
            return
        if conduct.stop:
            if ordinal == 0:
                self._stop(conduct.stop)
        elif conduct.answers_to == ordinal:
            self._answer(upto=conduct.breaks_off_after)
        elif conduct.comes_back and conduct.answers_to is not None and ordinal == conduct.answers_to + 1:
            self._answer(upto=None)

    def _answer(self, *, upto: int | None) -> None:
        page = self._begin(self.browser.open(self.mail.answer_link))
        for saved in range(PAGES_AT_MOST):
            controls = page.controls()
            if not controls or saved == upto:
                return
            if page.form is None:
                break
            page = self.browser.submit(page.form, self._fill(controls))
            if page.status != 200:
                break
        raise Unreachable(
            f"A respondent could not get on at a page (HTTP {page.status}): {self._complaints(page)}"
        )

    def _begin(self, page: Page) -> Page:
        """From the welcome page to the first question."""
        start = page.html.xpath("//a[contains(concat(' ', @class, ' '), ' start ')]/@href")
        return self.browser.open(start[0]) if start else page

    def _complaints(self, page: Page) -> str:
        return "; ".join(e.text_content().strip() for e in page.html.xpath("//*[contains(@class,'error')]"))[
            :300
        ]

    def _fill(self, controls: list[Control]) -> dict[str, str | list[str]]:
        return {control.name: answer for control in controls if (answer := self._choose(control))}

    def _choose(self, control: Control) -> str | list[str]:
        decided = self.conduct.profile.get(control.name)
        if control.kind == "checkbox":
            return self._tick(control, decided)
        if decided and (not control.values or decided in control.values):
            return str(decided)
        offered = [value for value in control.values if value not in REFUSALS]
        return self.rng.choice(offered) if offered and self.rng.random() > 0.02 else ""

    def _tick(self, control: Control, decided: list[str] | None) -> list[str]:
        if decided is not None:
            return [value for value in decided if value in control.values]
        offered = [value for value in control.values if value not in ALONE]
        return self.rng.sample(offered, min(len(offered), self.rng.randint(1, 2)))

    def _stop(self, rung: str) -> None:
        if rung == "one_click":
            self.browser.post(self.mail.one_click_link, {"List-Unsubscribe": "One-Click"})
            return
        page = self.browser.open(self.mail.stop_link)
        form = page.form_with("rung", rung)
        if form is None:
            raise Unreachable(f"The page of stops does not offer “{rung}” (HTTP {page.status}).")
        word, later = DELETE_WORDS[page.html.get("lang", "en")], self._day_after(form, days=45)
        done = self.browser.submit(form, {"rung": rung, "word": word, "until": later})
        if done.status != 200:
            raise Unreachable(
                f"The page of stops refused “{rung}” (HTTP {done.status}): {self._complaints(done)}"
            )

    def _day_after(self, form: FormElement, *, days: int) -> str:
        """A day to pause until: some weeks after the first that the page allows."""
        first = form.xpath(".//input[@name='until']/@min")
        return (date.fromisoformat(first[0]) + timedelta(days=days)).isoformat() if first else ""
