"""Forms at the desk: written by block, compared, previewed, approved by another; runs; signed words (NO-02, LAW-02)."""

import json

import lxml.html
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from consent import selectors as consents
from consent.models import Block, ConsentForm
from panel.desk.changes import changes
from panel.members.models import Hold
from panel.rights import consent_forms, reconsent
from panel.rights.models import ReconsentRun
from tests.consent.documents import whole_document
from tests.desk.conftest import NOW
from tests.factories import cast, forms

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"desk:{name}", args=args)


def form_page(form):
    return url("consent_consentform_change", form.pk)


def step(form, slug):
    return url("consent_consentform_step", form.pk, slug)


def read(response):
    return lxml.html.fromstring(response.content.decode())


def text(response):
    return " ".join(read(response).text_content().split())


# --- writing


def test_a_draft_is_made_from_a_file_and_written_by_part(field, at_desk):
    signe = at_desk(cast.SIGNE)
    document = whole_document("2024-03-01")
    del document["letter"]["end"]
    file = SimpleUploadedFile("form.json", json.dumps(document).encode())
    made = signe.post(url("consent_consentform_upload"), {"study": field.study.pk, "file": file})
    form = ConsentForm.objects.get(version="2024-03-01")
    assert made.url == form_page(form)
    assert "what happens at the end, and when” (nb, en, uk, ru)" in text(signe.get(made.url))
    where = url("consent_consentform_words", form.pk, "end")
    words = {lang: f"The end\n\nIn {lang}." for lang in ("nb", "en", "uk", "ru")}
    assert signe.post(where, words).url == form_page(form)
    assert "It can’t be approved" not in text(signe.get(made.url))
    assert read(signe.get(where)).xpath("//textarea[@name='uk']/text()")[0].strip() == words["uk"]
    signe.post(url("consent_consentform_words", form.pk, "ask-quote"), {"nb": "Sitere?"})
    assert "the question “quote” (en, uk, ru)" in text(signe.get(made.url))


@pytest.mark.parametrize("content", [b"no json", b"[1]", b"\xff\xfe", b'{"version": 7}'])
def test_a_file_that_is_no_form_is_refused_on_the_page(field, at_desk, content):
    before = ConsentForm.objects.count()
    sent = {"study": field.study.pk, "file": SimpleUploadedFile("form.json", content)}
    answer = at_desk(cast.SIGNE).post(url("consent_consentform_upload"), sent)
    assert answer.status_code == 400
    assert ConsentForm.objects.count() == before


def test_approved_words_and_unknown_parts_are_not_written(field, at_desk):
    signe = at_desk(cast.SIGNE)
    assert (
        signe.post(url("consent_consentform_words", field.run.form.pk, "end"), {"nb": "x"}).status_code == 409
    )
    assert signe.get(url("consent_consentform_words", field.draft.pk, "weather")).status_code == 404


# --- reading


@pytest.mark.parametrize("lang", ["nb", "en", "uk", "ru"])
def test_the_preview_is_the_page_a_member_sees_and_its_button_does_nothing(field, at_desk, lang):
    page = read(at_desk(cast.DAG).get(url("consent_consentform_preview", field.draft.pk, lang)))
    assert page.xpath("//html/@lang") == [lang]
    assert len(page.xpath("//section[@class='block']")) == len(Block)
    assert page.xpath("//legend/@lang") == [lang] * 3
    assert page.xpath("//button/@disabled")
    assert not page.xpath("//*[@checked]")
    phone = read(
        at_desk(cast.DAG).get(url("consent_consentform_preview", field.draft.pk, lang) + "?width=phone")
    )
    assert phone.xpath("//html/@class") == ["phone"]


def test_a_preview_in_a_language_the_study_lacks_is_not_there(field, at_desk):
    assert at_desk(cast.LIV).get(url("consent_consentform_preview", field.draft.pk, "de")).status_code == 404


def test_what_changed_since_the_form_before_is_shown_word_by_word(field, at_desk):
    liv, where = at_desk(cast.LIV), url("consent_consentform_changes", field.draft.pk, "uk")
    assert "No word differs" in text(liv.get(where))
    old = whole_document("2023-10-01")["letter"]["end"]["uk"]
    consent_forms.write_block(
        by=cast.SIGNE, study=field.study, form=field.draft, block="end", now=NOW,
        bodies={"uk": old.replace("Words", "Other words")},
    )  # fmt: skip
    page = read(liv.get(where))
    assert page.xpath("//del/text()") == ["Words"]
    assert page.xpath("//ins/text()") == ["Other words"]


def test_the_first_form_of_a_study_has_nothing_before_it(field, at_desk):
    first = field.signed.form
    assert at_desk(cast.LIV).get(url("consent_consentform_changes", first.pk, "uk")).status_code == 404


words = st.text(st.sampled_from("ab c\n"), max_size=20)


@given(words, words)
def test_the_pieces_of_a_comparison_make_both_texts(before, now):
    pieces = changes(before, now)
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == now


def test_law_02_signed_words_are_shown_byte_for_byte_from_the_ledger(field, at_desk):
    dag = at_desk(cast.DAG)
    entries = dag.get(url("consent_consententry_changelist"))
    where = url("consent_consententry_words", field.signed.sha256)
    assert f'href="{where}"' in entries.text
    shown = read(dag.get(where)).xpath("//div[@class='desk-words']/text()")
    assert shown == [field.signed.body]
    letter = consents.letter_hash(consents.letter(field.run.form, "uk"))
    body = read(dag.get(url("consent_consententry_words", letter))).xpath("//div[@class='desk-words']/text()")
    assert body == [
        "\n\n".join(whole_document("2023-10-01")["letter"][block]["uk"] for block in Block.values)
    ]
    assert dag.get(url("consent_consententry_words", "0" * 64)).status_code == 404
    assert at_desk(cast.VERA).get(where).status_code == 403


@pytest.mark.parametrize("name", ["consent_consentform_changelist", "rights_reconsentrun_changelist"])
def test_a_list_is_a_constant_number_of_queries(field, at_desk, name):
    liv = at_desk(cast.LIV)
    liv.get(url(name))

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert liv.get(url(name)).status_code == 200
        return len(seen)

    before = asked()
    for version in ("2026", "2027"):
        run = forms.asked(field.study, version, now=NOW)
        reconsent.close(by=cast.LIV, run=run, lift=True, now=NOW)
    assert asked() == before


# --- approving


def test_no_02_the_leader_approves_exactly_the_words_on_the_page(field, at_desk):
    liv, draft = at_desk(cast.LIV), field.draft
    seen = read(liv.get(step(draft, "approve"))).xpath("//input[@name='sha256']/@value")[0]
    bodies = {lang: "Slutt\n\nDa" for lang in ("nb", "en", "uk", "ru")}
    consent_forms.write_block(
        by=cast.SIGNE, study=field.study, form=draft, block="end", bodies=bodies, now=NOW
    )
    assert "changed meanwhile" in text(liv.post(step(draft, "approve"), {"sha256": seen}))
    seen = read(liv.get(step(draft, "approve"))).xpath("//input[@name='sha256']/@value")[0]
    assert liv.post(step(draft, "approve"), {"sha256": seen}).status_code == 302
    draft.refresh_from_db()
    assert (draft.status, draft.approved_by, draft.sha256) == ("approved", "liv", seen)
    assert consents.current_form(field.study.key, field.study.languages) == draft


def test_a_leader_who_wrote_is_told_that_another_approves(field, at_desk):
    liv = at_desk(cast.LIV)
    liv.post(url("consent_consentform_words", field.draft.pk, "ask-archive"), {"nb": "Arkiv?"})
    assert "another project leader approves it" in text(liv.get(form_page(field.draft)))
    seen = read(liv.get(step(field.draft, "approve"))).xpath("//input[@name='sha256']/@value")[0]
    refused = liv.post(step(field.draft, "approve"), {"sha256": seen})
    assert refused.status_code == 400
    assert "doesn't approve it" in text(refused)


def test_a_form_is_copied_discarded_and_retired(field, at_desk):
    signe, liv = at_desk(cast.SIGNE), at_desk(cast.LIV)
    signe.post(step(field.signed.form, "copy"), {"version": "2025"})
    copied = ConsentForm.objects.get(version="2025")
    assert {tuple(one.grants) for one in copied.texts.all()} == {
        ("waves",),
        ("keep_in_touch",),
        ("interview",),
    }
    gone = signe.post(step(copied, "discard"))
    assert gone.url == url("consent_consentform_changelist")
    assert not ConsentForm.objects.filter(version="2025").exists()
    liv.post(step(field.run.form, "retire"))
    assert ConsentForm.objects.get(pk=field.run.form.pk).status == "retired"
    assert consents.current_form(field.study.key, field.study.languages) != field.run.form


# --- runs


def test_a_run_is_begun_from_the_form_and_its_coverage_shown_and_ended_by_choice(field, at_desk):
    liv = at_desk(cast.LIV)
    form = forms.approved(field.study, "2024", now=NOW)
    begun = liv.post(step(form, "ask"), {"read": "on"}, follow=True)
    run = ReconsentRun.objects.get(closed_at=None)
    assert f"{run.asked} members are asked" in text(begun)
    where = url("rights_reconsentrun_change", run.pk)
    page = read(at_desk(cast.DAG).get(where))
    (row,) = page.xpath("(//table)[1]/tbody/tr")
    asked = str(field.study.members.count())
    assert [cell.text for cell in row.xpath("./td")][1:] == [asked, asked, "0", asked]
    end = url("rights_reconsentrun_step", run.pk, "end")
    assert liv.post(end, {}).status_code == 400
    liv.post(end, {"silent": "keep"})
    assert Hold.objects.filter(kind="reconsent", lifted_at=None).count() == run.asked
    run.refresh_from_db()
    assert (run.closed_by, run.lifted) == ("liv", False)
    assert "closed, holds kept" in text(liv.get(where))


def test_a_coordinator_sees_a_run_and_can_not_end_it(field, at_desk):
    page = at_desk(cast.SIGNE).get(url("rights_reconsentrun_change", field.run.pk)).text
    assert url("rights_reconsentrun_step", field.run.pk, "end") not in page
    assert reconsent.coverage(field.run).total("asked") == field.run.asked
