"""A small browser for simulated respondents: reads a page's form, fills it in, posts it. No script, no cookie.

Knows nothing of the questionnaire: what to choose is the respondent's affair.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import lxml.html
from lxml.html import FormElement, HtmlElement


@dataclass(frozen=True)
class Control:
    """One question on a page: its field name, how it is answered, and the values it offers."""

    name: str
    kind: str  # radio, checkbox, select, text
    values: tuple[str, ...]


class Page:
    """A fetched page with its form, if it has one that is posted."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.url = str(response.url)
        self.html: HtmlElement = lxml.html.fromstring(response.content, base_url=self.url)
        self.html.make_links_absolute()
        self.forms: list[FormElement] = [f for f in self.html.forms if f.method.upper() == "POST"]

    @property
    def form(self) -> FormElement | None:
        """The page's own form: the one with the most fields."""
        return max(self.forms, key=lambda f: len(f.inputs), default=None)

    def form_with(self, field: str, value: str) -> FormElement | None:
        """The form that has a field (or a button) of this name and value."""
        for form in self.forms:
            if form.xpath(f".//*[@name='{field}' and @value='{value}']"):
                return form
        return None

    def controls(self) -> list[Control]:
        """The questions of the page's form, in order; hidden fields and buttons are not questions."""
        found: dict[str, Control] = {}
        for element in self.form.xpath(".//input|.//select|.//textarea") if self.form is not None else ():
            name, kind = element.get("name"), element.get("type", element.tag)
            if not name or kind in {"hidden", "submit"}:
                continue
            if element.tag == "select":
                values = tuple(o.get("value", "") for o in element.iter("option") if o.get("value"))
                found[name] = Control(name, "select", values)
            elif kind in {"radio", "checkbox"}:
                before = found[name].values if name in found else ()
                found[name] = Control(name, kind, (*before, element.get("value", "on")))
            else:
                found[name] = Control(name, "text", ())
        return list(found.values())


class Browser:
    """The respondents' devices. Follows redirects; keeps connections, and nothing of a page or a person."""

    def __init__(self, timeout: float = 30) -> None:
        self._client = httpx.Client(follow_redirects=True, timeout=timeout)

    def open(self, url: str) -> Page:
        return Page(self._client.get(url))

    def submit(self, form: FormElement, values: Mapping[str, str | list[str]]) -> Page:
        """Posts the form with its hidden fields and `values`; what is not given stays empty."""
        return Page(self._send(form, values))

    def fetch(self, form: FormElement, values: Mapping[str, str | list[str]]) -> bytes:
        """The file that a form delivers."""
        return self._send(form, values).raise_for_status().content

    def _send(self, form: FormElement, values: Mapping[str, str | list[str]]) -> httpx.Response:
        hidden = {e.get("name"): e.get("value", "") for e in form.xpath(".//input[@type='hidden']")}
        return self._client.post(form.action, data={**hidden, **values})

    def post(self, url: str, data: Mapping[str, str]) -> int:
        """What a mail program sends for one-click unsubscribing (RFC 8058)."""
        return self._client.post(url, data=dict(data)).status_code

    def close(self) -> None:
        self._client.close()
