"""The example's letters in four languages, the checks a letter must pass, and how one is filled in."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from panel.errors import BadInput, NotAllowed
from panel.invitations import letter_files, letter_versions, letters, wording
from panel.invitations.blocklist import blocked_words
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.invitations.rendering import ALWAYS, LINKS, PLACEHOLDERS
from tests.factories import fielding as f

DOCUMENTS = {file.stem: json.loads(file.read_text()) for file in (f.DEMO / "letters").glob("*.json")}
VALUES = {
    "link": "https://panel.example.org/a/" + "x" * 43,
    "stop_link": "https://panel.example.org/m/" + "y" * 43,
    "own_link": "https://panel.example.org/p/" + "z" * 43,
    "confirm_link": "https://panel.example.org/c/" + "u" * 43,
    "cancel_link": "https://panel.example.org/x/" + "t" * 43,
    "copy_link": "https://panel.example.org/d/" + "v" * 43,
    "consent_link": "https://panel.example.org/k/" + "w" * 43,
    "joined": "06.2022",
    "closes": "01.11.2023",
}


def test_the_example_has_every_letter_in_four_languages():
    assert {lang: set(document["letters"]) for lang, document in DOCUMENTS.items()} == dict.fromkeys(
        ("nb", "en", "uk", "ru"), set(LetterKind.values)
    )


@pytest.fixture
def livet(db):
    return f.study()


@pytest.fixture
def words(livet) -> letters.Words:
    f.with_letters(livet)
    one = LetterText.objects.get(letter__kind=LetterKind.INVITATION, language="en")
    return letters.words_of(one.letter, one)


def prepared_of(text: LetterText) -> letters.Prepared:
    return letters.prepare(text, text.letter.study)


class Text(HTMLParser):
    """What a reader of the HTML part sees, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data):
        self.text += data


def words_of(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("language", ["nb", "en", "uk", "ru"])
@pytest.mark.parametrize("kind", LetterKind)
@pytest.mark.parametrize("mark", ["", "О…а"])
def test_mail_01_and_02_every_rendered_letter(livet, language, kind, mark):
    """MAIL-01, MAIL-02, NEV-05, NEV-07: no topic word, all it must say, HTML as the text, nothing loaded."""
    f.with_letters(livet)
    prepared = prepared_of(LetterText.objects.get(letter__kind=kind, language=language))
    text, html = prepared.fill(VALUES, mark)
    assert blocked_words(f"{prepared.subject}\n{prepared.sender}\n{text}\n{html}") == ()
    for must in ("Instituttet", "Livet nå", "06.2022", "studie@example.org"):
        assert must in text, must
    own_links = [VALUES["stop_link"] in text, VALUES["own_link"] in text]
    assert own_links == [kind != LetterKind.CONFIRM_ADDRESS] * 2
    own = {VALUES[PLACEHOLDERS[use]] for use in LINKS.get(kind, ALWAYS) if use in PLACEHOLDERS}
    assert {address for address in VALUES.values() if address in text and "/" in address} == own
    assert (mark in text) if mark else ("…" not in text)
    assert not re.search(r"[{}]", text + html), "a placeholder was left"
    seen = Text()
    seen.feed(html)
    assert words_of(seen.text) == words_of(text)
    assert seen.tags <= {"html", "head", "meta", "body", "p", "br", "a"}
    assert set(seen.links) == own
    assert set(re.findall(r"https?://([^/\s\"<]+)", text + html)) == {"panel.example.org"}


def test_the_household_line_is_a_paragraph_or_not_there(livet):
    f.with_letters(livet)
    prepared = prepared_of(LetterText.objects.get(letter__kind=LetterKind.INVITATION, language="en"))
    alone, _html = prepared.fill(VALUES, "")
    shared, html = prepared.fill(VALUES, "A…<")
    assert "\n\n\n" not in alone
    assert shared.startswith("Hello,\n\nSeveral people use this address.")
    assert "A…&lt;" in html


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subject": "For refugees"}, "refugees"),
        ({"subject": "Повернення додому"}, "повернення"),
        ({"shared_line": "Ukrainian {mark}"}, "ukrainian"),
        ({"subject": "To {first_name}"}, "subject"),
        ({"subject": "One\nBcc: x@example.org"}, "subject"),
        ({"shared_line": "One of you"}, "mark"),
    ],
)
def test_mail_01_a_letter_that_discloses_is_refused(livet, words, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        wording.check_words(replace(words, **changes), livet)


@pytest.mark.parametrize(
    ("put", "sentence"),
    [
        ("after the war", "war"),
        ("{first_name}", "first_name"),
        ("https://elsewhere.example.net", "plain text"),
        ("www.elsewhere.example.net", "plain text"),
        ("<img src=x>", "plain text"),
    ],
)
def test_a_body_with_what_must_not_be_there_is_refused(livet, words, put, sentence):
    with pytest.raises(BadInput, match=sentence):
        wording.check_words(replace(words, body=f"{words.body}\n\n{put}\n"), livet)


@pytest.mark.parametrize("name", sorted(wording.ALWAYS | wording.ALSO[LetterKind.INVITATION]))
def test_a_body_without_what_it_must_say_is_refused(livet, words, name):
    """LAW-05: among them the way out, in each letter."""
    with pytest.raises(BadInput, match=name):
        wording.check_words(replace(words, body=words.body.replace(f"{{{name}}}", "")), livet)


def test_law_09_a_letter_to_an_unproven_address_has_none_of_the_member_s_own_links(livet, words):
    """Who mistypes an address must not send a stranger the way to stop or delete everything."""
    body = LetterText.objects.get(letter__kind=LetterKind.CONFIRM_ADDRESS, language="en").body
    confirm = replace(words, kind=LetterKind.CONFIRM_ADDRESS, body=body)
    wording.check_words(confirm, livet)
    for link in ("{stop_link}", "{own_link}"):
        with pytest.raises(BadInput, match="stranger"):
            wording.check_words(replace(confirm, body=f"{body}\n\n{link}\n"), livet)


def test_mail_01_the_study_s_own_name_is_checked_with_each_letter(livet, words):
    livet.public_name = "Life after Ukraine"
    with pytest.raises(BadInput, match="ukraine"):
        wording.check_words(words, livet)


def test_a_study_that_cannot_say_how_to_check_a_letter_sends_none(livet, words):
    livet.how_to_check = json.dumps({"nb": "Ring oss."})
    with pytest.raises(BadInput, match="how to check"):
        wording.check_words(words, livet)


def test_letters_are_drafts_until_the_leader_approves_them_and_fixed_from_then_on(livet):
    letter_files.import_letters(by=f.SIGNE, study=livet, document=DOCUMENTS["en"], now=f.NOON)
    with pytest.raises(NotAllowed):
        letter_versions.approve_all(by=f.SIGNE, study=livet, now=f.NOON)
    with pytest.raises(BadInput, match="nb, uk, ru"):
        letter_versions.approve_all(by=f.LIV, study=livet, now=f.NOON)
    for document in DOCUMENTS.values():
        letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    assert letter_versions.approve_all(by=f.LIV, study=livet, now=f.NOON) == len(LetterKind)
    letter_files.import_letters(by=f.SIGNE, study=livet, document=DOCUMENTS["en"], now=f.NOON)
    other = json.loads(json.dumps(DOCUMENTS["en"]))
    other["letters"]["invitation"]["subject"] = "Something else"
    letter_files.import_letters(by=f.SIGNE, study=livet, document=other, now=f.NOON)
    versions = Letter.objects.filter(kind=LetterKind.INVITATION).order_by("version")
    assert [(one.version, one.state) for one in versions] == [(1, "approved"), (2, "draft")]
    assert not LetterText.objects.filter(letter__state="approved", subject="Something else").exists()


def test_who_has_no_role_imports_nothing(livet):
    with pytest.raises(NotAllowed):
        letter_files.import_letters(by=f.TOR, study=livet, document=DOCUMENTS["en"], now=f.NOON)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"language": "en"},
        {"language": "en", "letters": {"poem": {}}},
        {"language": "en", "letters": {"receipt": {}}},
    ],
)
def test_what_is_no_file_of_letters_is_refused(livet, document):
    with pytest.raises(BadInput):
        letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)


def test_if_one_letter_of_a_file_is_refused_none_is_kept(livet):
    bad = json.loads(json.dumps(DOCUMENTS["en"]))
    bad["letters"]["receipt"]["subject"] = "For refugees"
    with pytest.raises(BadInput):
        letter_files.import_letters(by=f.SIGNE, study=livet, document=bad, now=f.NOON)
    assert not Letter.objects.exists()


def test_marks_tell_people_of_one_address_apart():
    assert letters.marks({"A": "Olena", "B": "Ivan"}) == {"A": "O…", "B": "I…"}
    assert letters.marks({"A": "Oleksandr", "B": "Oleksandra"}) == {"A": "O…r", "B": "O…a"}
    twins = letters.marks({"B": "Ivan", "A": "Ivan"})
    assert twins == {"A": "I…n (1)", "B": "I…n (2)"}
    assert letters.marks({"C": "", "D": ""}) == {"C": "… (1)", "D": "… (2)"}


def test_marks_hold_no_name():
    for mark in letters.marks({"A": "Oleksandr", "B": "Oleksandra", "C": "Olga"}).values():
        assert sum(letter.isalpha() for letter in mark) <= 2
