"""What a screen reader, a keyboard and weak eyes need (WCAG 2.2 AA), read from pages and style sheet."""

import re
from itertools import chain, pairwise
from pathlib import Path

import pytest

from panel.invitations.models import Link
from panel.rights import copies
from tests.consent.documents import PURPOSES
from tests.factories.answering import NOW, with_cards
from tests.portal.html import LANGUAGES, Seen, see, send
from tests.portal.letters import link

pytestmark = pytest.mark.django_db
CSS = (Path(__file__).parents[2] / "panel/portal/static/portal/portal.css").read_text()


def all_pages(field, client, lang):
    """Every kind of page there is, errors included."""
    start, ladder = f"/a/{field.token()}", f"/m/{field.token(Link.Use.STOP)}"
    yield Seen(client.get("/", headers={"Accept-Language": lang}))
    yield see(client, f"/a/unknown?lang={lang}")
    welcome = see(client, f"{start}?lang={lang}")
    yield welcome
    yield see(client, f"{ladder}?lang={lang}")
    yield Seen(client.post(f"{ladder}?lang={lang}", {"rung": "leave_delete", "word": "x"}))
    yield Seen(client.post(f"{ladder}?lang={lang}", {"rung": "no_mail"}, follow=True))
    yield see(client, f"/o/{field.token(Link.Use.ONE_CLICK)}?lang={lang}")
    yield from own_pages(field, client, lang)
    question = f"/k/{link(field, Link.Use.CONSENT)}?lang={lang}"
    yield see(client, question)
    yield Seen(client.post(question, {"waves": "yes"}))
    yield see(client, f"/p/{field.token(Link.Use.OWN)}/consents?lang={lang}")
    yield Seen(client.post(question, dict.fromkeys(PURPOSES, "no"), follow=True))
    page = see(client, welcome.link("start"))
    yield Seen(client.post(page.action(), {"revision": "0"}))
    while page.find("//input[@name='revision']"):
        yield page
        page = send(client, page, **({"where_live": "returned"} if "page=now" in page.action() else {}))
    yield page


def own_pages(field, client, lang):
    """The own page and what hangs on it, errors included; links of requests, before and after."""
    with_cards(field.amal)
    own, said = f"/p/{link(field, Link.Use.OWN)}", f"?lang={lang}"
    for further in ("", "/residence", "/hours", "/address", "/copy", "/stop", "/consents"):
        yield see(client, f"{own}{further}{said}")
    yield Seen(client.post(f"{own}{said}", {"language": "xx"}))
    for sent in ({"place": ""}, {"place": "away", "month": "03"}):
        yield Seen(client.post(f"{own}/residence{said}", sent))
    yield Seen(client.post(f"{own}/residence{said}", {"place": "returned"}, follow=True))
    yield Seen(client.post(f"{own}/copy{said}", follow=True))
    copy = f"/d/{link(field, Link.Use.COPY)}{said}"
    yield see(client, copy)
    copies.make_copies(now=NOW)
    yield see(client, copy)
    yield Seen(client.post(f"{own}/address{said}", {"address": "x"}))
    yield Seen(client.post(f"{own}/address{said}", {"address": "new@example.net"}, follow=True))
    for use, letter in ((Link.Use.CONFIRM, "c"), (Link.Use.CANCEL, "x")):
        address = f"/{letter}/{link(field, use)}{said}"
        yield see(client, address)
        yield Seen(client.post(address, follow=True))
    yield see(client, f"/a/{field.token()}/own{said}")
    yield see(client, f"/again{said}")
    yield Seen(client.post(f"/again{said}", {"address": "x"}))
    yield see(client, f"/new-address{said}")
    yield Seen(client.post(f"/new-address{said}", {"address": "x"}))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_page_can_be_read_without_seeing_it(field, client, lang):
    for page in all_pages(field, client, lang):
        assert page.find("//html/@lang") == [lang]
        assert page.find("//title")[0].text_content().strip()
        assert len(page.find("//h1")) <= 1
        assert page.find("//main[@id='main']")
        assert page.find("//a[@class='skip']/@href") == ["#main"]
        ids = page.find("//@id")
        assert len(ids) == len(set(ids))
        for control in page.find("//input[not(@type='hidden')] | //select | //textarea"):
            wrapped = control.getparent().tag == "label"
            assert wrapped or page.find(f"//label[@for='{control.get('id')}']"), control.get("name")
        for group in page.find("//fieldset"):
            assert group.xpath("./legend")
        for described in chain(page.find("//@aria-describedby"), page.find("//@aria-labelledby")):
            assert set(described.split()) <= set(ids)
        for anchor in page.find("//a[starts-with(@href, '#')]/@href"):
            assert anchor[1:] in ids
        headings = [int(one.tag[1]) for one in page.find("//h1 | //h2 | //h3 | //h4")]
        assert all(after - before <= 1 for before, after in pairwise(headings)), headings
        for radio in page.find("//input[@type='radio']"):
            assert radio.xpath("ancestor::fieldset")


def channels(colour):
    colour = colour.lstrip("#")
    colour = "".join(2 * c for c in colour) if len(colour) == 3 else colour
    for start in (0, 2, 4):
        share = int(colour[start : start + 2], 16) / 255
        yield share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour):
    red, green, blue = channels(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_colours_differ_enough():
    names = dict(re.findall(r"--(\w+): (#[0-9a-f]+);", CSS))
    for paper in (names["paper"], names["tint"]):
        for ink in ("ink", "soft", "deep", "bad"):
            assert contrast(names[ink], paper) >= 4.5, (ink, paper)
    assert contrast("#ffffff", names["deep"]) >= 4.5  # words on a button
    assert contrast(names["line"], names["paper"]) >= 3  # edges of fields


def test_the_style_sheet_loads_nothing_and_turns_with_the_script():
    assert "url(" not in CSS
    assert "@import" not in CSS
    assert not re.search(r"(margin|padding|border)-(left|right)|text-align:|float:|[^-](left|right):", CSS)
    assert ":focus-visible" in CSS
    assert "44px" in CSS
