"""Reading a page as a person or a screen reader does, and filling in its form."""

from typing import Any

import lxml.html

LANGUAGES = ("nb", "en", "uk", "ru")


class Seen:
    """One answer of the portal, parsed."""

    def __init__(self, response: Any) -> None:
        self.response, self.status = response, response.status_code
        self.html = lxml.html.fromstring(response.content.decode()) if response.content else None

    @property
    def text(self) -> str:
        return " ".join(self.html.text_content().split()) if self.html is not None else ""

    def find(self, path: str) -> list[Any]:
        assert self.html is not None
        return list(self.html.xpath(path))

    def link(self, css_class: str) -> str:
        """Where the one link of this class leads."""
        (found,) = self.find(f"//a[contains(concat(' ', @class, ' '), ' {css_class} ')]/@href")
        return str(found)

    def action(self) -> str:
        """Where the page's own form is sent."""
        return str(self.find("//form[.//input[@name='revision' or @name='rung']]/@action")[0])

    def revision(self) -> str:
        return str(self.find("//input[@name='revision']/@value")[0])


def see(client: Any, address: str) -> Seen:
    return Seen(client.get(address))


def send(client: Any, page: Seen, **answers: Any) -> Seen:
    """Post a survey page and follow the redirect."""
    return Seen(client.post(page.action(), sent(page, **answers), follow=True))


def sent(page: Seen, **answers: Any) -> dict[str, Any]:
    """What a browser sends for a survey page."""
    return {"revision": page.revision(), **answers}


def walk(client: Any, start: str, **by_page: dict[str, Any]) -> Seen:
    """From the welcome to the thanks; `by_page` holds the answers of pages that are not left blank."""
    page = see(client, see(client, start).link("start"))
    while page.find("//input[@name='revision']"):
        name = page.action().split("page=")[1].split("&")[0]
        after = send(client, page, **by_page.get(name, {}))
        assert after.status == 200, after.text
        page = after
    return page
