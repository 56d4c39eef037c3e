"""Letters at the desk: written per language, refused with all that is wrong, previewed, compared, tried, approved."""

import lxml.html
import pytest
from django.core import mail  # noqa: TID251
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from panel.invitations import letter_files, letter_versions, planning, trying
from panel.invitations.models import Letter, Trial
from tests.desk.conftest import NOW
from tests.factories import cast
from tests.factories.persian import DOCUMENT as PERSIAN

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"desk:invitations_letter_{name}", args=args)


def read(response):
    return lxml.html.fromstring(response.content.decode())


def text(response):
    return " ".join(read(response).text_content().split())


@pytest.fixture
def letter(field):
    return Letter.objects.get(study=field.study, kind="reminder")


@pytest.fixture
def draft(field):
    return letter_versions.draft(by=cast.SIGNE, study=field.study, kind="reminder", now=NOW)


def given(letter, language="en", **changes):
    one = letter.texts.get(language=language)
    return {"subject": one.subject, "body": one.body, "shared_line": one.shared_line, **changes}


# --- the list


def test_the_list_shows_each_version_with_the_languages_it_has_and_lacks(field, at_desk, draft):
    draft.texts.filter(language__in=("uk", "ru")).delete()
    page = read(at_desk(cast.SIGNE).get(url("changelist") + "?kind__exact=reminder"))
    rows = [[" ".join(cell.text_content().split()) for cell in row] for row in page.xpath("//tbody/tr")]
    assert [[cell for cell in row if cell] for row in rows] == [
        ["reminder", "standard", "2", "draft", "en, nb", "uk, ru", "–"],
        ["reminder", "standard", "1", "approved", "en, nb, ru, uk", "–", "liv"],
    ]


def test_the_list_takes_as_many_queries_for_many_letters_as_for_few(field, at_desk):
    signe = at_desk(cast.SIGNE)
    signe.get(url("changelist"))
    with CaptureQueriesContext(connection) as few:
        signe.get(url("changelist"))
    for kind in ("reminder", "invitation", "thanks"):
        for name in ("second", "third"):
            letter_versions.draft(by=cast.SIGNE, study=field.study, kind=kind, name=name, now=NOW)
    with CaptureQueriesContext(connection) as many:
        signe.get(url("changelist"))
    assert len(many) == len(few)


# --- writing


def test_a_version_is_drafted_written_tried_and_approved_by_another(field, at_desk, letter):
    signe, liv = at_desk(cast.SIGNE), at_desk(cast.LIV)
    made = signe.post(url("step", letter.pk, "new-version"))
    draft = Letter.objects.get(study=field.study, kind="reminder", state="draft")
    assert made.url == url("change", draft.pk)
    words = given(
        draft,
        body=draft.texts.get(language="en").body.replace("Hello,", "Hello there,").replace("\n", "\r\n"),
    )
    written = signe.post(url("words", draft.pk, "en"), words)
    assert written.url == url("preview", draft.pk, "en")
    assert "\r" not in draft.texts.get(language="en").body
    compared = read(signe.get(url("changes", draft.pk, "en")))
    assert compared.xpath("//ins/text()") == ["there,"] or "Hello there," in compared.text_content()
    assert "No word differs" in text(signe.get(url("changes", draft.pk, "uk")))
    (seen,) = read(liv.get(url("step", draft.pk, "approve"))).xpath("//input[@name='seen']/@value")
    assert liv.post(url("step", draft.pk, "approve"), {"seen": seen}).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.approved_by, draft.writers) == ("approved", "liv", ["signe"])
    page = text(liv.get(url("change", letter.pk)))
    assert "Versions" in page
    assert "signe" in page


def test_words_written_meanwhile_are_not_approved(at_desk, draft):
    liv = at_desk(cast.LIV)
    (seen,) = read(liv.get(url("step", draft.pk, "approve"))).xpath("//input[@name='seen']/@value")
    at_desk(cast.SIGNE).post(url("words", draft.pk, "en"), given(draft, subject="Once more"))
    refused = liv.post(url("step", draft.pk, "approve"), {"seen": seen})
    assert (refused.status_code, "changed meanwhile" in text(refused)) == (409, True)


def test_who_wrote_in_it_is_told_that_another_approves(at_desk, draft):
    liv = at_desk(cast.LIV)
    liv.post(url("words", draft.pk, "en"), given(draft, subject="Once more"))
    assert "another project leader approves it" in text(liv.get(url("change", draft.pk)))
    seen = letter_versions.fingerprint(draft)
    assert liv.post(url("step", draft.pk, "approve"), {"seen": seen}).status_code == 403


def test_mail_01_what_is_wrong_is_listed_at_once_and_what_was_typed_stays(at_desk, draft):
    body = "For refugees after the war\n\n{stop_lnk}\n\nhttps://elsewhere.example.net\n"
    refused = at_desk(cast.SIGNE).post(url("words", draft.pk, "en"), given(draft, subject="UDI", body=body))
    page = read(refused)
    lines = [one.text_content() for one in page.xpath("//div[@role='alert']//li")]
    assert refused.status_code == 400
    assert len(lines) >= 4
    for part in ("“udi” (subject)", "“refugees” (letter)", "stop_lnk", "must have", "plain text"):
        assert any(part in line for line in lines), part
    assert page.xpath("//textarea[@name='body']")[0].text.strip() == body.strip()
    assert draft.texts.get(language="en").subject != "UDI"


def test_the_placeholders_stand_beside_the_words_with_what_each_is_for(at_desk, draft):
    page = read(at_desk(cast.SIGNE).get(url("words", draft.pk, "uk")))
    names = page.xpath("//dl[@class='desk-placeholders']/dt/code/text()")
    assert {"{link}", "{closes}", "{stop_link}", "{how_to_check}", "{mark}"} <= set(names)
    assert not {"{copy_link}", "{confirm_link}"} & set(names)
    assert "Livet nå" in page.xpath("string(//dl[@class='desk-placeholders'])")
    (area,) = page.xpath("//textarea[@name='body']")
    assert (area.get("lang"), area.get("dir")) == ("uk", "auto")


def test_what_a_draft_lacks_is_spelled_out_on_its_page(at_desk, draft):
    draft.texts.filter(language__in=("uk", "ru")).delete()
    page = text(at_desk(cast.LIV).get(url("change", draft.pk)))
    assert "It can’t be approved yet." in page
    assert "lacks its words in: uk, ru." in page
    refused = at_desk(cast.LIV).post(
        url("step", draft.pk, "approve"), {"seen": letter_versions.fingerprint(draft)}
    )
    assert (refused.status_code, "lacks its words in: uk, ru." in text(refused)) == (400, True)


def test_approved_words_and_languages_the_study_lacks_are_not_written(at_desk, letter, draft):
    signe = at_desk(cast.SIGNE)
    assert signe.post(url("words", letter.pk, "en"), given(letter)).status_code == 409
    assert signe.get(url("words", draft.pk, "de")).status_code == 404
    assert signe.get(url("preview", draft.pk, "de")).status_code == 404
    assert signe.get(url("changes", letter.pk, "en")).status_code == 404


def test_a_second_letter_of_a_kind_gets_a_name_of_its_own(field, at_desk):
    signe = at_desk(cast.SIGNE)
    words = {"study": field.study.pk, "kind": "reminder", "name": "second-reminder"}
    made = signe.post(url("new"), words)
    one = Letter.objects.get(name="second-reminder")
    assert made.url == url("change", one.pk)
    assert "reminder second-reminder, version 1" in text(signe.get(made.url))
    assert signe.post(url("new"), words).status_code == 409
    assert signe.post(url("new"), {**words, "name": "Nr. 2"}).status_code == 400


def test_a_draft_is_deleted_and_leads_back_to_the_list(at_desk, draft):
    gone = at_desk(cast.SIGNE).post(url("step", draft.pk, "delete"))
    assert gone.url == url("changelist")
    assert not Letter.objects.filter(pk=draft.pk).exists()


def test_a_letter_in_use_says_by_what_and_stays(field, at_desk, letter, draft):
    letter_versions.approve(by=cast.LIV, letter=draft, now=NOW)
    plan = {**field.wave.plan, "steps": [{"kind": "reminder", "days": 7, "letter": str(letter.pk)}]}
    type(field.wave).objects.filter(pk=field.wave.pk).update(plan=plan)
    liv = at_desk(cast.LIV)
    assert "The plan of the wave “2023” uses it" in text(liv.get(url("change", letter.pk)))
    assert liv.post(url("step", letter.pk, "retire-version")).status_code == 409
    type(field.wave).objects.filter(pk=field.wave.pk).update(status="closed")
    assert liv.post(url("step", letter.pk, "retire-version")).status_code == 302


# --- reading


@pytest.mark.parametrize("language", ["nb", "en", "uk", "ru"])
def test_nev_05_the_preview_shows_text_html_and_a_phone_in_closed_frames(at_desk, letter, language):
    page = read(at_desk(cast.SIGNE).get(url("preview", letter.pk, language)))
    frames = page.xpath("//iframe")
    assert [frame.get("class") for frame in frames] == ["desk-frame desk-frame-phone", "desk-frame"]
    for frame in frames:
        assert frame.get("sandbox") == ""
        assert frame.get("src") is None
        inside = lxml.html.fromstring(frame.get("srcdoc"))
        assert not inside.xpath("//script|//img|//link|//form|//style")
        assert all(href.endswith(trying.NOWHERE) for href in inside.xpath("//a/@href"))
        assert inside.get("lang") == language
    (plain,) = page.xpath("//pre")
    assert (
        plain.text_content().split() == lxml.html.fromstring(frames[0].get("srcdoc")).text_content().split()
    )
    assert "{" not in plain.text_content()


def test_the_preview_shows_the_line_for_shared_addresses_when_asked(at_desk, letter):
    signe = at_desk(cast.SIGNE)
    assert "Several people use this address" not in text(signe.get(url("preview", letter.pk, "en")))
    assert "Several people use this address" in text(signe.get(url("preview", letter.pk, "en") + "?shared=1"))


def test_a_letter_from_right_to_left_is_shown_so(field, at_desk):
    document = {"language": "fa", "letters": {"reminder": PERSIAN["letters"]["invitation"]}}
    study = field.study
    type(study).objects.filter(pk=study.pk).update(
        languages=[*study.languages, "fa"],
        how_to_check=study.how_to_check[:-1] + ', "fa": "nordhavn.example.org"}',
    )
    study.refresh_from_db()
    (draft,) = letter_files.import_letters(by=cast.SIGNE, study=study, document=document, now=NOW)
    page = read(at_desk(cast.LIV).get(url("preview", draft.pk, "fa")))
    assert page.xpath("//div[@class='desk-inbox']/@dir") == ["rtl"]
    for frame in page.xpath("//iframe"):
        assert lxml.html.fromstring(frame.get("srcdoc")).xpath("//body/div/@dir") == ["rtl"]
    assert page.xpath("//pre/@dir") == ["auto"]


# --- trying


def test_it_is_sent_to_oneself_from_its_page(at_desk, draft):
    user = cast.user(cast.SIGNE)
    user.email = "signe@example.org"
    user.save()
    signe = at_desk(cast.SIGNE)
    assert "sandbox" not in signe.get(url("step", draft.pk, "try")).text
    said = signe.post(url("step", draft.pk, "try"), {"language": "uk"}, follow=True)
    assert "On its way to signe@example.org" in text(said)
    assert mail.outbox == []
    assert Trial.objects.get().to == "signe"
    trying.send_due(now=NOW)
    assert [one.to for one in mail.outbox] == [["signe@example.org"]]
    assert "Your trials" in text(signe.get(url("change", draft.pk)))
    assert "Your trials" not in text(at_desk(cast.LIV).get(url("change", draft.pk)))


def test_without_an_address_of_one_s_own_it_is_refused_with_what_to_do(at_desk, draft):
    refused = at_desk(cast.SIGNE).post(url("step", draft.pk, "try"), {"language": "uk"})
    assert (refused.status_code, "An operator enters it" in text(refused)) == (409, True)
    assert at_desk(cast.SIGNE).post(url("step", draft.pk, "try"), {"language": "de"}).status_code == 400


def test_a_wave_s_page_leads_to_the_letters_its_plan_names(field, at_desk, letter):
    """As an approved plan names them."""
    where = reverse("desk:waves_wave_change", args=[field.wave.pk])
    plan = planning.with_letters(field.study, field.wave.planned)
    type(field.wave).objects.filter(pk=field.wave.pk).update(plan=plan.as_json())
    named = [step.letter for step in plan.steps]
    assert str(letter.pk) in named
    signe, ines = at_desk(cast.SIGNE).get(where).text, at_desk(cast.INES).get(where).text
    for one in named:
        assert url("change", one) in signe
        assert url("change", one) not in ines
