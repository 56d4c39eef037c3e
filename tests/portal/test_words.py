"""All words of respondents' pages exist in all languages, and the compiled files say what the sources say."""

import ast
import gettext
import inspect
import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from panel.enrolment import intake
from panel.errors import NotNow
from panel.members import permissions
from panel.members import services as members

ROOT = Path(__file__).parents[2] / "panel"
LOCALE = ROOT / "portal" / "locale"
MEMBERS = ROOT / "members" / "locale"
LANGUAGES = ("nb", "uk", "ru")
#: What of panel/rights speaks to members; the rest of it speaks to staff, from locales of their own.
TO_MEMBERS = (
    "addresses", "address_rules", "consenting", "copies", "new_address", "own", "phone_text", "rules", "selectors",
    "services",
)  # fmt: skip
SOURCES = [path for name in ("portal", "responses") for path in (ROOT / name).rglob("*.py")]
SOURCES += [path for path in (ROOT / "rights").glob("*.py") if path.stem in TO_MEMBERS]
SOURCES += [ROOT / "members" / "hours.py"]
TEMPLATES = list((ROOT / "portal" / "templates").rglob("*.html"))
#: What a page of the survey shows from a check of its answers is in panel/instruments/locale.
CALL = re.compile(
    r"""\b(p?gettext)\(\s*(?:u?(['"][^\n]*?['"]),\s*)?u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)"""
)


def messages_of(path):
    """(context, words) of each translated text in a file."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                yield "", ast.literal_eval(node.args[0])
        return
    for kind, context, words in CALL.findall(templatize(path.read_text())):
        yield ast.literal_eval(context) if kind == "pgettext" else "", ast.literal_eval(words)


def wanted():
    found = {message for path in [*SOURCES, *TEMPLATES] for message in messages_of(path)}
    with translation.override("en"):
        return found | {("", str(intake.NO_KEY))}


def read_po(path):
    """A .po file of ours: no plurals, no fuzzy entries."""
    text = path.read_text(encoding="utf-8")
    assert "fuzzy" not in text
    entries = {}
    for block in text.split("\n\n"):
        parts = dict.fromkeys(("msgctxt", "msgid", "msgstr"), "")
        key = ""
        for line in block.splitlines():
            if line.startswith("#") or not line:
                continue
            if not line.startswith('"'):
                key, line = line.split(" ", 1)
            parts[key] += ast.literal_eval(line)
        if parts["msgid"]:
            entries[parts["msgctxt"], parts["msgid"]] = parts["msgstr"]
    return entries


@pytest.fixture(params=LANGUAGES)
def folder(request):
    return LOCALE / request.param / "LC_MESSAGES"


def test_the_reader_finds_the_words():
    found = wanted()
    assert ("survey", "Start") in found
    assert ("", "Page %(number)s of %(of)s") in found
    assert ("", "Pause letters until a date") in found
    assert len(found) > 70


def test_every_word_is_translated_and_none_is_left_over(folder):
    words = read_po(folder / "django.po")
    assert set(words) == wanted()
    assert all(words.values())


def test_placeholders_are_kept(folder):
    for (_context, source), translated in read_po(folder / "django.po").items():
        named = re.compile(r"%\(\w+\)s")
        assert sorted(named.findall(source)) == sorted(named.findall(translated)), source


@pytest.mark.parametrize("app", ["portal", "instruments", "members"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_compiled_file_says_what_the_source_says(app, lang):
    folder = ROOT / app / "locale" / lang / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for (context, source), translated in read_po(folder / "django.po").items():
        told = compiled.pgettext(context, source) if context else compiled.gettext(source)
        assert told == translated, f"run msgfmt -o django.mo django.po in {folder}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_membership_refuses_is_told_in_the_reader_s_language(lang):
    """A respondent meets these on the page of stops: put into words there, not where they are raised."""
    bodies = [ast.parse(inspect.getsource(one)) for one in (members.set_status, permissions.check_self)]
    told = [
        node
        for body in bodies
        for node in ast.walk(body)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
    ]
    sentences = {ast.literal_eval(node.args[0]) for node in told}
    assert sentences == {source for _context, source in read_po(MEMBERS / lang / "LC_MESSAGES" / "django.po")}
    for refusal in [NotNow(members._(sentence)) for sentence in sentences]:
        english = str(refusal)
        with translation.override(lang):
            assert str(refusal) != english
    assert members._ is permissions._
