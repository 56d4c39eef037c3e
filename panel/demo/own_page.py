"""One simulated member on their own page and by the links of its letters: address, copy, residence, stops, consents.

Knows pages and forms, never the database, as respondent.py does for the survey.
"""

import json
from collections.abc import Mapping
from typing import Any

from lxml.html import FormElement

from panel.demo.browser import Browser, Page
from panel.demo.mailbox import Mail
from panel.errors import Unreachable
from panel.rights.rules import DELETE_WORDS

#: First parts of the paths that letters show: own page, confirm, cancel, copy, consent.
OWN, CONFIRM, CANCEL, COPY, CONSENT = "p", "c", "x", "d", "k"
#: Who has everything deleted at once may find their link gone with it.
FOUND, GONE = 200, 404


class OwnPage:
    """Acts by one letter. A page that refuses ends the example with an error: it must not happen."""

    def __init__(self, mail: Mail, browser: Browser) -> None:
        self.mail, self.browser = mail, browser

    def opens(self) -> bool:
        """Whether the link to the own page still leads anywhere."""
        return self.browser.open(self.mail.link(OWN)).status == FOUND

    # --- on the own page

    def change_address(self, address: str) -> None:
        self._post(self._open_own("address"), "address", {"address": address})

    def choose_hours(self, first: str, last: str) -> None:
        self._post(self._open_own("hours"), "from", {"from": first, "until": last})

    def ask_copy(self) -> None:
        self._post(self._open_own("copy"), "", {})

    def correct_residence(self, place: str, month: str) -> None:
        year, number = month.split("-")
        self._post(self._open_own("residence"), "place", {"place": place, "year": year, "month": number})

    def stop(self, rung: str, *, expect: tuple[int, ...] = (FOUND,), **more: str) -> None:
        page = self._open_own("stop")
        word = DELETE_WORDS[page.html.get("lang", "en")] if rung == "leave_delete" else ""
        self._post(page, "rung", {"rung": rung, "word": word, **more}, expect=expect)

    # --- by a letter's link

    def confirm(self) -> None:
        self._post(self._open(CONFIRM), "", {})

    def cancel(self) -> None:
        self._post(self._open(CANCEL), "", {})

    def fetch_copy(self) -> dict[str, Any]:
        """The copy for a computer program."""
        page = self._open(COPY)
        found: dict[str, Any] = json.loads(self.browser.fetch(self._form(page, "as"), {"as": "json"}))
        return found

    def agree(self, *, but: str = "") -> None:
        """A yes to each question of a re-consent letter, a no to one."""
        page = self._open(CONSENT)
        said = {control.name: "no" if control.name == but else "yes" for control in page.controls()}
        self._post(page, "", said)

    # --- parts

    def _open(self, use: str) -> Page:
        link = self.mail.link(use)
        if not link:
            raise Unreachable(f"A letter has no link /{use}/.")
        return self.browser.open(link)

    def _open_own(self, part: str) -> Page:
        """One of the pages that the own page leads to, by its link there."""
        links = self._open(OWN).html.xpath("//a/@href")
        ways = [str(link) for link in links if str(link).partition("?")[0].endswith(f"/{part}")]
        if not ways:
            raise Unreachable(f"The own page does not lead to “{part}”.")
        return self.browser.open(ways[0])

    def _post(
        self, page: Page, field: str, values: Mapping[str, str], expect: tuple[int, ...] = (FOUND,)
    ) -> None:
        done = self.browser.submit(self._form(page, field), values)
        if done.status not in expect:
            raise Unreachable(f"A page of a member's own refused what was sent (HTTP {done.status}).")

    def _form(self, page: Page, field: str) -> FormElement:
        """The form that has this field; the page's own form where none is named."""
        forms = [form for form in page.forms if field in form.fields] if field else [page.form]
        buttons = [form for form in page.forms if form.xpath(f".//button[@name='{field}']")] if field else []
        for form in (*forms, *buttons):
            if form is not None:
                return form
        raise Unreachable(f"A page of a member's own has no form to send (HTTP {page.status}).")
