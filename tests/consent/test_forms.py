"""Forms from draft to retirement: what can't be approved, what can't be changed afterwards (NO-02, LAW-02, LAW-03)."""

import uuid
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from consent import forms, selectors, services
from consent.errors import ConsentError
from consent.models import Block, ConsentForm, ConsentText, InformationBlock, heading_and_words
from consent.rules import LANGUAGES, NewBlock, NewText, form_hash, text_hash
from tests.consent.documents import PURPOSES, whole_document

pytestmark = pytest.mark.django_db
KEY, DAY = uuid.UUID(int=1), date(2024, 3, 1)


def drafted(document: dict[str, Any] | None = None, writer: str = "signe") -> ConsentForm:
    return forms.draft_form(study_key=KEY, document=document or whole_document(), writer=writer)


def approved(version: str = "2024-03-01", day: date = DAY) -> ConsentForm:
    return forms.approve_form(
        form=drafted(whole_document(version)), languages=LANGUAGES, approver="liv", day=day
    )


def approve(form: ConsentForm, **changes: Any) -> ConsentForm:
    return forms.approve_form(
        **{"form": form, "languages": LANGUAGES, "approver": "liv", "day": DAY, **changes}
    )


# --- drafts


def test_a_draft_holds_the_exact_words_of_its_document():
    form, document = drafted(), whole_document()
    assert form.status == "draft"
    assert {(b.block, b.language): b.body for b in form.blocks.all()} == {
        (block, lang): document["letter"][block][lang] for block in Block.values for lang in LANGUAGES
    }
    for text in form.texts.all():
        assert text.body == document["questions"][text.question][text.language]
        assert text.grants == [text.question]
    for words in (*form.blocks.all(), *form.texts.all()):
        assert words.sha256 == text_hash(words.body)
    assert [text.question for text in selectors.questions(form, "uk")] == list(PURPOSES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": ""}, "needs a version"),
        ({"version": "x" * 41}, "at most 40"),
        ({"version": 7}, "needs a version"),
        ({"letter": {"weather": {"nb": "Sol"}}}, "It knows: purpose"),
        ({"letter": ["purpose"]}, "It knows: purpose"),
        ({"letter": {"purpose": "words"}}, "by language"),
        ({"letter": {"purpose": {"nb": 7}}}, "by language"),
        ({"questions": []}, "no questions"),
        ({"questions": {"waves": {"grants": ["service"], "nb": "?"}}}, "no purpose the service knows"),
        ({"questions": {"waves": {"nb": "?"}}}, "no purpose the service knows"),
    ],
)
def test_a_document_nobody_could_read_is_refused_and_nothing_kept(change, words):
    with pytest.raises(ConsentError, match=words):
        drafted(whole_document(**change))
    assert not ConsentForm.objects.exists()


def test_a_version_stands_once():
    drafted()
    with pytest.raises(ConsentError, match="already"):
        drafted()


def test_words_of_a_draft_are_written_by_block_and_by_purpose():
    form = drafted({"version": "2024-03-01"})
    forms.set_block(
        form=form, block="purpose", bodies={"nb": " Hvorfor\r\n\r\nFordi. ", "en": " "}, writer="liv"
    )
    forms.set_question(form=form, purpose="archive", bodies={"nb": "Arkiv?", "en": "Archive?"}, writer="liv")
    forms.set_question(form=form, purpose="waves", bodies={"nb": "Flere?"}, writer="ola")
    assert {(b.language, b.body) for b in form.blocks.all()} == {("nb", "Hvorfor\n\nFordi.")}
    assert [text.grants for text in selectors.questions(form, "nb")] == [["waves"], ["archive"]]
    forms.set_question(form=form, purpose="archive", bodies={"nb": ""}, writer="ola")
    assert form.texts.count() == 1
    form.refresh_from_db()
    assert form.writers == ["liv", "ola", "signe"]


@pytest.mark.parametrize(
    "write",
    [
        lambda form: forms.set_block(form=form, block="weather", bodies={}, writer="liv"),
        lambda form: forms.set_question(form=form, purpose="service", bodies={}, writer="liv"),
    ],
    ids=["block", "purpose"],
)
def test_what_there_is_no_place_for_is_not_written(write):
    form = drafted()
    with pytest.raises(ConsentError):
        write(form)
    form.refresh_from_db()
    assert form.writers == ["signe"]


def test_words_that_break_at_their_last_write_keep_the_old_ones(monkeypatch):
    form = drafted()

    def broken(*_args: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(forms, "write_texts", broken)
    with pytest.raises(RuntimeError):
        forms.set_block(form=form, block="purpose", bodies={"nb": "Nytt\n\nOrd"}, writer="liv")
    form.refresh_from_db()
    assert (form.blocks.count(), form.writers) == (len(Block) * 4, ["signe"])


def test_a_draft_is_discarded_and_an_approved_form_is_not():
    forms.discard_form(form=drafted())
    assert not ConsentForm.objects.exists()
    form = approved()
    with pytest.raises(ConsentError, match="can't be changed"):
        forms.discard_form(form=form)
    with pytest.raises(ConsentError, match="no such"):
        forms.discard_form(form=ConsentForm(study_key=KEY))


# --- approval


@pytest.mark.parametrize("block", Block.values)
def test_no_02_a_letter_without_a_block_is_not_approved_and_the_sentence_names_it(block):
    document = whole_document()
    del document["letter"][block]
    with pytest.raises(ConsentError) as refused:
        approve(drafted(document))
    assert f"“{Block(block).label}” (nb, en, uk, ru)" in str(refused.value)
    assert ConsentForm.objects.get().status == "draft"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["letter"]["end"].pop("ru"), r"“what happens at the end, and when” \(ru\)"),
        (lambda d: d["letter"]["end"].update(ru="Only a heading"), r"and when” \(ru\)"),
        (lambda d: d["letter"]["purpose"].update(uk=" \n "), r"“what the study is for” \(uk\)"),
        (lambda d: d["questions"].clear(), "a question"),
        (lambda d: d["questions"]["waves"].pop("nb"), r"the question “waves” \(nb\)"),
        (lambda d: d["questions"]["waves"].update(nb="  "), r"the question “waves” \(nb\)"),
        (
            lambda d: d["questions"]["waves"].update(grants=["waves", "archive"]),
            "one purpose of the question “waves”",
        ),
        (lambda d: d["questions"]["waves"].update(grants=["archive"]), "a single question on “archive”"),
    ],
)
def test_no_02_law_03_what_is_not_whole_is_not_approved_and_the_sentence_names_it(change, words):
    document = whole_document()
    change(document)
    with pytest.raises(ConsentError, match=words):
        approve(drafted(document))


def test_only_the_languages_of_the_study_are_asked_for():
    document = whole_document()
    for part in (*document["letter"].values(), *document["questions"].values()):
        del part["ru"]
    form = drafted(document)
    with pytest.raises(ConsentError, match="ru"):
        approve(form)
    approve(form, languages=["nb", "en", "uk"])
    assert selectors.current_form(KEY, ["uk", "nb"]) == form
    assert selectors.current_form(KEY, LANGUAGES) is None


def test_who_wrote_in_a_form_never_approves_it():
    form = drafted(writer="liv")
    with pytest.raises(ConsentError, match="doesn't approve"):
        approve(form)
    forms.set_block(form=form, block="end", bodies={lang: "Slutt\n\nDa" for lang in LANGUAGES}, writer="per")
    with pytest.raises(ConsentError, match="doesn't approve"):
        approve(form, approver="per")
    assert approve(form, approver="kari").approved_by == "kari"


def test_no_02_the_hash_of_all_words_is_frozen_on_approval():
    form = approved()
    blocks, texts = forms.new_blocks(form), forms.new_texts(form)
    assert form.sha256 == form_hash(form.version, blocks, texts) == forms.hash_of(form)
    assert (form.status, form.approved_by, form.approved_on) == ("approved", "liv", DAY)
    with pytest.raises(ConsentError, match="Only a draft"):
        approve(form)


def test_words_that_were_changed_since_they_were_read_are_not_approved():
    form = drafted()
    seen = forms.hash_of(form)
    forms.set_block(
        form=form, block="end", bodies={lang: "Slutt\n\nDa" for lang in LANGUAGES}, writer="signe"
    )
    with pytest.raises(ConsentError, match="changed meanwhile"):
        approve(form, sha256=seen)
    approve(form, sha256=forms.hash_of(form))


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(words, words)
def test_the_hash_changes_with_any_word_and_not_with_the_order_of_rows(one, other):
    blocks = [NewBlock("purpose", "nb", one), NewBlock("end", "nb", "x")]
    texts = [NewText("waves", ("waves",), "nb", one), NewText("archive", ("archive",), "nb", "y")]
    assert form_hash("v", blocks, texts) == form_hash("v", blocks[::-1], texts[::-1])
    changed = form_hash("v", [NewBlock("purpose", "nb", other), blocks[1]], texts)
    assert (changed == form_hash("v", blocks, texts)) == (one == other)


def test_a_block_is_a_heading_and_words():
    assert heading_and_words("Why\n\nBecause.\nSo.") == ("Why", "Because.\nSo.")
    assert heading_and_words("Why") == ("Why", "")


# --- afterwards


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_consenttext SET body = 'other'",
        "UPDATE consent_informationblock SET body = 'other'",
        "DELETE FROM consent_consenttext",
        "DELETE FROM consent_informationblock",
        "UPDATE consent_consentform SET status = 'draft'",
        "UPDATE consent_consentform SET sha256 = 'other'",
        "UPDATE consent_consentform SET approved_by = 'other'",
        "UPDATE consent_consentform SET approved_on = NULL",
        "DELETE FROM consent_consentform",
    ],
)
def test_law_02_the_database_refuses_to_change_approved_words(statement):
    approved()
    connection.check_constraints()
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_law_02_the_database_refuses_to_move_words_into_an_approved_form():
    form, draft = approved(), drafted(whole_document("next"))
    for model in (ConsentText, InformationBlock):
        rows = model._base_manager.filter(form=draft, language="nb")
        with (
            pytest.raises(DatabaseError, match="frozen"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                f"UPDATE {model._meta.db_table} SET form_id = %s WHERE id = %s",
                [_sql(form.pk), _sql(rows[0].pk)],
            )


def _sql(value: uuid.UUID) -> Any:
    """As the column holds it."""
    return value if connection.features.has_native_uuid_field else value.hex


def test_a_retired_form_is_shown_to_nobody_and_stays_a_proof():
    form = approved()
    forms.retire_form(form=form, day=date(2025, 1, 1))
    assert selectors.current_form(KEY, LANGUAGES) is None
    assert selectors.text_of(study_key=KEY, version=form.version, question="waves", language="uk")
    with pytest.raises(ConsentError, match="Only an approved"):
        forms.retire_form(form=form, day=DAY)
    with pytest.raises(ConsentError, match="Only an approved"):
        forms.retire_form(form=drafted(whole_document("next")), day=DAY)


def test_the_current_form_is_the_latest_approved_one_and_never_an_imported_one():
    assert selectors.current_form(KEY, LANGUAGES) is None
    services.import_form(study_key=KEY, document=whole_document("2022"), day=DAY)
    assert selectors.current_form(KEY, LANGUAGES) is None
    first, second = approved("a"), approved("b")
    assert selectors.current_form(KEY, LANGUAGES) == second
    assert selectors.current_form(uuid.UUID(int=2), LANGUAGES) is None
    forms.retire_form(form=second, day=DAY)
    drafted(whole_document("c"))
    assert selectors.current_form(KEY, LANGUAGES) == first


def test_a_new_version_takes_the_words_and_takes_purposes_apart():
    old = deepcopy(whole_document("2022", letter={}))
    old["questions"] = {"recontact": {**old["questions"]["waves"], "grants": ["waves", "keep_in_touch"]}}
    signed = services.import_form(study_key=KEY, document=old, day=DAY)
    form = forms.new_version(form=signed, version="2024", writer="signe")
    assert (form.based_on, form.status, form.writers) == (signed, "draft", ["signe"])
    asked = {text.question: (text.grants, text.body) for text in selectors.questions(form, "uk")}
    body = old["questions"]["recontact"]["uk"]
    assert asked == {"waves": (["waves"], body), "keep_in_touch": (["keep_in_touch"], body)}
    whole = approved()
    again = forms.new_version(form=whole, version="2025", writer="signe")
    assert set(forms.new_blocks(again)) == set(forms.new_blocks(whole))
    assert len(forms.new_blocks(again)) == len(Block) * 4


def test_the_letter_is_read_in_its_order_and_its_hash_is_of_all_its_words():
    form = approved()
    blocks = selectors.letter(form, "uk")
    assert [block.block for block in blocks] == Block.values
    assert selectors.letter_hash(blocks) == text_hash(
        "\n\n".join(whole_document()["letter"][block]["uk"] for block in Block.values)
    )
