"""Letters in scripts that run from right to left: their HTML says so, and Latin names in them stand apart."""

import re

import lxml.html
import pytest

from panel.invitations import letter_files, letter_versions, letters
from panel.invitations.models import LetterText
from panel.members.models import PanelMember
from tests.factories import fielding as f
from tests.factories.persian import DOCUMENT

pytestmark = pytest.mark.django_db
VALUES = {
    "link": "https://panel.example.org/a/x",
    "stop_link": "https://panel.example.org/m/y",
    "own_link": "https://panel.example.org/p/z",
    "joined": "06.2022",
    "closes": "30.11.2027",
}


@pytest.fixture
def persian(db, settings):
    """The invitation in Persian, approved in a study that writes in it alone, where the service offers it."""
    settings.LANGUAGES = [*settings.LANGUAGES, ("fa", "فارسی")]
    study = f.study(
        languages=["fa"], default_language="fa", how_to_check='{"fa": "پژوهش: studie@example.org"}'
    )
    letter_files.import_letters(by=f.SIGNE, study=study, document=DOCUMENT, now=f.NOON)
    letter_versions.approve_all(by=f.LIV, study=study, now=f.NOON)
    return LetterText.objects.get()


@pytest.mark.parametrize(
    "language", ["ar", "fa", "ur", "ps", "he", "ckb", "prs", "ku-Arab", "fa-IR", "uz_Arab"]
)
def test_these_run_from_right_to_left(language):
    assert letters.is_rtl(language)


@pytest.mark.parametrize("language", ["nb", "en", "uk", "ru", "ku", "uz", "tr", "so", "ur-Latn"])
def test_these_do_not(language):
    assert not letters.is_rtl(language)


def test_mail_02_a_persian_letter_runs_from_right_to_left_and_says_what_its_text_says(persian):
    text, html = letters.prepare(persian, persian.letter.study).fill(VALUES, "A…<")
    page = lxml.html.fromstring(html)
    (around,) = page.xpath("//body/div")
    assert around.get("dir") == "rtl"
    assert len(around.xpath("./p")) == text.strip().count("\n\n") + 1
    assert page.text_content().split() == text.split()
    assert {"Livet nå", "Instituttet", "studie@example.org", "A…<"} <= set(page.xpath("//bdi/text()"))
    assert {(one.get("href"), one.get("dir")) for one in page.xpath("//a")} == {
        (VALUES[name], "ltr") for name in ("link", "stop_link", "own_link")
    }
    assert not re.search("[\u2066-\u2069{}]", text + html)


def test_the_other_scripts_have_nothing_of_it(persian):
    f.with_letters(f.study("other"))
    for text in LetterText.objects.exclude(language="fa").select_related("letter__study"):
        html = letters.prepare(text, text.letter.study).html
        assert not re.search(r"<bdi>|<div|dir=", html)


def test_who_reads_persian_gets_the_persian_letter_with_its_direction(persian):
    member = PanelMember(study=persian.letter.study, language="fa")
    prepared = letters.Shelf([persian.letter.study]).find(member, "invitation")
    assert (prepared.language, 'dir="rtl"' in prepared.html) == ("fa", True)
