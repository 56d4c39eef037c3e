"""Letters as files: what is written out goes in again and changes nothing; the command that does both."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from panel.commands import Refused, WrongCall
from panel.errors import BadInput
from panel.invitations import letter_files, letter_versions
from panel.invitations.models import Letter, LetterText
from tests.factories import fielding as f
from tests.factories import ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def livet(db):
    return f.with_letters(f.study())


def told(*words):
    out = io.StringIO()
    call_command("letters", *words, stdout=out)
    return out.getvalue()


def rows():
    return sorted(
        LetterText.objects.values_list("letter__kind", "letter__name", "language", "subject", "body")
    )


def test_what_is_written_out_is_what_was_taken_in_and_goes_in_again(livet, tmp_path):
    data = json.loads(told("livet", "--export", str(tmp_path / "out"), "--json"))
    assert data["languages"] == ["en", "nb", "ru", "uk"]
    for file in ready.LETTERS.glob("*.json"):
        written = json.loads((tmp_path / "out" / file.name).read_text())
        assert written == json.loads(file.read_text()), file.name
    before = rows()
    files = sorted(str(file) for file in (tmp_path / "out").iterdir())
    told("livet", *files, "--by", "signe")
    assert rows() == before
    assert not Letter.objects.filter(state="draft").exists()


def test_drafts_are_held_before_they_are_read(livet):
    """Else words would get into a letter that is approved meanwhile, or a writer's name be written over."""
    document = letter_files.export_letters(livet)[0]
    with CaptureQueriesContext(connection) as asked:
        letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    first, *_others = [
        one["sql"] for one in asked.captured_queries if 'FROM "invitations_letter"' in one["sql"]
    ]
    assert "'draft'" in first
    assert ("FOR UPDATE" in first) == connection.features.has_select_for_update


def test_a_letter_with_a_name_of_its_own_keeps_it(livet, tmp_path):
    draft = letter_versions.draft(
        by=f.SIGNE, study=livet, kind="reminder", name="second-reminder", now=f.NOON
    )
    (document,) = [one for one in letter_files.export_letters(livet) if one["language"] == "nb"]
    assert document["letters"]["reminder/second-reminder"]["subject"]
    draft.delete()
    letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    (again,) = Letter.objects.filter(name="second-reminder")
    assert again.texts.get().language == "nb"


def test_a_retired_letter_is_not_written_out_and_what_says_the_same_becomes_a_draft(livet):
    Letter.objects.filter(kind="thanks").update(state="retired")
    document = json.loads((ready.LETTERS / "en.json").read_text())
    for one in letter_files.export_letters(livet):
        assert "thanks" not in one["letters"]
    letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    assert Letter.objects.filter(state="draft").values_list("kind", "version").get() == ("thanks", 2)


def test_what_changes_one_language_of_an_approved_letter_drafts_a_version_with_the_others_words(livet):
    document: dict[str, Any] = {"language": "en", "letters": {}}
    document["letters"]["thanks"] = json.loads((ready.LETTERS / "en.json").read_text())["letters"]["thanks"]
    document["letters"]["thanks"]["subject"] = "Many thanks"
    (draft,) = letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    assert (draft.version, draft.texts.count(), draft.writers) == (2, 4, ["signe"])


def test_mail_01_all_that_is_wrong_in_a_file_is_said_with_the_letter_it_is_in(livet):
    document = json.loads((ready.LETTERS / "en.json").read_text())
    document["letters"]["thanks"]["subject"] = "For refugees"
    document["letters"]["receipt"]["body"] = ["Hello"]
    with pytest.raises(BadInput) as refused:
        letter_files.import_letters(by=f.SIGNE, study=livet, document=document, now=f.NOON)
    assert "thanks: The letter holds words that disclose its topic: “refugees” (subject)" in str(
        refused.value
    )
    assert "receipt: The letter must have:" in str(refused.value)


def test_the_status_lists_versions_and_what_they_lack(livet):
    draft = letter_versions.draft(by=f.SIGNE, study=livet, kind="reminder", now=f.NOON)
    draft.texts.filter(language="uk").delete()
    text = told("livet", "--status")
    assert "reminder/standard/1: approved\n" in text
    assert "reminder/standard/2: draft; lacks uk\n" in text
    data = json.loads(told("livet", "--status", "--json"))
    (row,) = [one for one in data["letters"] if one["state"] == "draft"]
    assert (row["missing"], row["languages"]) == (["uk"], ["en", "nb", "ru"])


def test_a_study_without_letters_says_so(db):
    f.study()
    assert told("livet", "--status") == "There are no letters yet.\n"


@pytest.mark.parametrize(
    "words", [(), ("--approve",), ("--status", "--approve", "--by", "liv"), ("--status", "--export", "x")]
)
def test_a_wrong_call_is_told_apart_from_a_refusal(livet, words):
    with pytest.raises(WrongCall):
        told("livet", *words)


def test_a_folder_that_cannot_be_written_to_is_refused(livet, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="can't be written to"):
        told("livet", "--export", str(tmp_path / "file"))
