"""New words behind a letter's link, and the member's receipt: nothing ticked, each purpose apart (LAW-02…05, NO-02)."""

from datetime import timedelta

import pytest

from consent import selectors as consents
from consent import services as ledger
from consent.models import Block
from panel.audit.rules import Actor
from panel.invitations import links
from panel.invitations.models import Link
from panel.journal.models import JournalEntry
from panel.members import services as members
from panel.members.models import Hold, Study
from panel.rights import consent_forms, services
from panel.rights.models import ReconsentAsk
from tests.consent.documents import PURPOSES, whole_document
from tests.factories import forms
from tests.factories.answering import NOW
from tests.portal.html import LANGUAGES, Seen, see

pytestmark = pytest.mark.django_db
YES, NO = dict.fromkeys(PURPOSES, "yes"), dict.fromkeys(PURPOSES, "no")


@pytest.fixture
def run(field):
    return forms.asked(field.study, now=NOW)


@pytest.fixture
def address(field, run):
    """As Amal's letter holds it."""
    return letter_of(field.amal, run)


@pytest.fixture
def receipt(field):
    return f"/p/{field.token(Link.Use.OWN)}/consents"


def letter_of(member, run):
    new = links.NewLink(Link.Use.CONSENT, member, None, run.pk)
    return f"/k/{links.mint_many([new], today=NOW.date())[0]}"


def holds(field, purpose, member=None):
    code = (member or field.amal).code
    return code in consents.holding(study_key=field.study.key, subjects={code}, purpose=purpose)


def history(field):
    return list(consents.history(study_key=field.study.key, subject=field.amal.code))


def is_held(member):
    return Hold.objects.filter(member=member, kind=Hold.Kind.RECONSENT, lifted_at=None).exists()


# --- new words


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_02_the_page_shows_every_block_and_question_in_the_language_of_the_reader(client, address, lang):
    page, document = see(client, f"{address}?lang={lang}"), whole_document()
    shown = [section.text_content().strip() for section in page.find("//section[@class='block']")]
    assert [" ".join(words.split()) for words in shown] == [
        " ".join(document["letter"][block][lang].split()) for block in Block.values
    ]
    asked = [legend.text_content() for legend in page.find("//legend")]
    assert asked == [document["questions"][purpose][lang] for purpose in PURPOSES]


def test_law_04_nothing_is_ticked_beforehand_and_yes_and_no_look_alike(client, address):
    page = see(client, address)
    assert not page.find("//*[@checked or @selected or @required]")
    for purpose in PURPOSES:
        assert page.find(f"//input[@name='{purpose}']/@value") == ["yes", "no"]
        assert (
            len({radio.getparent().get("class") for radio in page.find(f"//input[@name='{purpose}']")}) == 1
        )


def test_law_02_an_answer_is_kept_in_the_words_shown_and_the_page_says_what_was_answered(
    field, client, address
):
    page = Seen(client.post(f"{address}?lang=ru", {**NO, "archive": "yes"}, follow=True))
    assert page.response.redirect_chain == [(f"{address}?lang=ru", 303)]
    document = whole_document()
    shown = [quote.text_content() for quote in page.find("//blockquote")]
    assert sorted(shown) == sorted(document["questions"][purpose]["ru"] for purpose in PURPOSES)
    said = {entry.purpose: entry for entry in history(field) if entry.form_version == "2024-03-01"}
    assert {purpose: entry.action for purpose, entry in said.items()} == {
        "waves": "withdrawn", "interview": "withdrawn", "archive": "given",
    }  # fmt: skip
    assert {entry.language for entry in said.values()} == {"ru"}
    assert consents.text_of_entry(said["archive"]).body == document["questions"]["archive"]["ru"]
    assert not is_held(field.amal)
    assert is_held(field.other)


def test_a_page_left_half_answered_says_what_is_missing_and_keeps_what_was_chosen(field, client, address):
    page = Seen(client.post(f"{address}?lang=en", {"waves": "yes", "archive": "perhaps"}))
    assert page.status == 422
    assert page.find("//input[@checked]/@name") == ["waves"]
    assert page.find("//div[@role='alert']//a/@href") == ["#interview-yes", "#archive-yes"]
    assert is_held(field.amal)
    assert {entry.form_version for entry in history(field)} == {"2022-06-01"}


def test_answers_can_be_changed_by_the_same_link(field, client, address):
    client.post(address, NO)
    assert not holds(field, "waves")
    change = see(client, f"{address}?lang=en").link("button")
    page = see(client, change)
    assert len(page.find("//legend")) == 3
    assert not page.find("//*[@checked]")
    client.post(address, YES)
    assert holds(field, "waves")


def test_a_form_that_is_no_longer_shown_and_a_member_who_left_are_not_asked(field, client, address, run):
    services.ask_stop(
        by=Actor.member(field.other.code), member=field.other, rung="leave_keep", channel="stop page", now=NOW
    )
    left = letter_of(field.other, run)
    consent_forms.retire(by=forms.APPROVER, study=field.study, form=run.form, now=NOW)
    for where in (address, left):
        page = see(client, f"{where}?lang=en")
        assert "no longer asked" in page.text
        assert not page.find("//form")
        assert client.post(where, YES).status_code == 409
    assert not holds(field, "archive")


def test_a_language_the_study_lacks_falls_back_to_its_own(field, client, run, address):
    Study.objects.filter(pk=field.study.pk).update(languages=["nb", "uk"])
    page = see(client, f"{address}?lang=en")
    assert page.find("//html/@lang") == ["en"]
    assert {legend.get("lang") for legend in page.find("//legend")} == {"uk"}


def test_who_got_no_letter_answers_from_the_own_page(field, client, run, receipt):
    asked = see(client, receipt).link("button")
    assert asked == f"{receipt}/new"
    client.post(asked, YES)
    assert not is_held(field.amal)
    assert {entry.channel for entry in history(field) if entry.form_version == "2024-03-01"} == {"own page"}
    assert not see(client, receipt).find("//section[@class='standing']")


def test_without_a_run_the_own_page_asks_nothing(client, receipt):
    assert client.get(f"{receipt}/new").url == receipt


def test_a_link_of_a_run_that_never_asked_this_member_looks_unknown(field, client, run):
    ReconsentAsk.objects.filter(member=field.amal).delete()
    address = letter_of(field.amal, run)
    assert client.get(f"{address}?lang=en").content == client.get("/k/unknown?lang=en").content
    assert client.post(address, YES).status_code == 404


# --- the receipt


def test_law_02_the_receipt_has_the_exact_words_the_day_and_the_hash(field, client, receipt):
    page = see(client, f"{receipt}?lang=uk")
    for entry in history(field):
        text = consents.text_of_entry(entry)
        assert text.body in [quote.text_content() for quote in page.find("//blockquote")]
        assert text.sha256 in page.text
    assert page.text.count("1 червня 2022") == 3


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_receipt_can_be_read_in_each_language_and_says_how_to_withdraw(client, receipt, lang):
    page = see(client, f"{receipt}?lang={lang}")
    assert page.find("//html/@lang") == [lang]
    assert page.find("//section[@aria-labelledby='how']")
    assert page.find("//a[@class='stops']")


def test_the_receipt_prints_without_what_only_a_screen_needs(client, receipt):
    """One style sheet of ours, with rules for paper; nothing from elsewhere."""
    page = see(client, receipt)
    assert not page.find("//script | //img | //iframe")
    assert all(found.startswith("/") for found in page.find("//link/@href"))


def test_law_05_withdrawing_takes_no_more_steps_than_agreeing(field, client, receipt):
    """One press each, without a reason, an account or a confirmation; the other purposes stand."""
    forms.approved(field.study, now=NOW)
    client.post(receipt, {"withdraw": "waves"})
    assert [holds(field, purpose) for purpose in ("waves", "keep_in_touch", "interview")] == [
        False,
        True,
        True,
    ]
    give = see(client, receipt).find("//button[@value='waves']")[0].getparent()
    fields = {one.get("name"): one.get("value") for one in give.xpath(".//input | .//button")}
    assert set(fields) == {"words", "give"}
    client.post(receipt, fields)
    assert holds(field, "waves")
    last = history(field)[-1]
    assert (last.action, last.form_version, last.language) == ("given", "2024-03-01", "uk")


def test_a_yes_again_without_a_form_of_today_is_to_the_old_words(field, client, receipt):
    client.post(receipt, {"withdraw": "keep_in_touch"})
    button = see(client, receipt).find("//button[@value='keep_in_touch']")[0]
    words = button.getparent().xpath(".//input[@name='words']/@value")[0]
    client.post(receipt, {"give": "keep_in_touch", "words": words})
    last = history(field)[-1]
    assert (last.action, last.form_version, last.purpose) == ("given", "2022-06-01", "keep_in_touch")


def test_words_that_were_not_shown_are_not_agreed_to(field, client, receipt):
    client.post(receipt, {"withdraw": "waves"})
    for sent in (
        {"give": "waves", "words": "0" * 64},
        {"give": "waves"},
        {"give": "everything", "words": "x"},
    ):
        page = Seen(client.post(f"{receipt}?lang=en", sent))
        assert page.status == 409
        assert "changed meanwhile" in page.text
    assert not holds(field, "waves")


def test_a_no_where_nothing_was_agreed_is_told(field, client, receipt):
    for sent in ({"withdraw": "archive"}, {"withdraw": "everything"}, {"withdraw": "\0"}, {}):
        page = Seen(client.post(f"{receipt}?lang=en", sent))
        assert (page.status, "nothing to withdraw" in page.text) == (409, True)
    client.post(receipt, {"withdraw": "waves"})
    client.post(receipt, {"withdraw": "waves"})
    assert [entry.action for entry in history(field)].count("withdrawn") == 1


def test_pressed_twice_it_is_one_yes(field, client, receipt):
    forms.approved(field.study, now=NOW)
    words = see(client, receipt).find("//button[@value='archive']")[0].getparent().xpath(".//input/@value")[0]
    for _twice in range(2):
        assert client.post(receipt, {"give": "archive", "words": words}).status_code == 303
    assert [entry.purpose for entry in history(field)].count("archive") == 1


def test_who_left_or_is_held_can_withdraw_and_not_agree(field, client, receipt):
    forms.approved(field.study, now=NOW)
    members.hold(by=forms.APPROVER, member=field.amal, kind=Hold.Kind.RESTRICTION, reason="asked", now=NOW)
    page = see(client, receipt)
    assert not page.find("//button[@name='give']")
    form = consents.current_form(field.study.key, LANGUAGES)
    assert form is not None
    words = consents.questions(form, "uk")[0].sha256
    assert client.post(receipt, {"withdraw": "waves"}).status_code == 303
    assert client.post(receipt, {"give": "waves", "words": words}).status_code == 409
    assert not holds(field, "waves")


def test_cry_11_a_withdrawal_goes_to_the_journal(field, client, receipt, address):
    client.post(receipt, {"withdraw": "interview"})
    client.post(address, {**YES, "waves": "no"})
    told = JournalEntry.objects.filter(kind="withdrawn", code=field.amal.code).order_by("id")
    assert [entry.payload["purposes"] for entry in told] == [["interview"], ["waves"]]


def test_law_11_who_was_only_informed_objects_on_the_same_page(field, client, receipt):
    Study.objects.filter(pk=field.study.pk).update(legal_basis="public_interest")
    form = forms.approved(field.study, now=NOW)
    ledger.inform(
        form=form, languages={field.amal.code: "uk"}, purposes=["archive"], channel="letter", day=NOW.date()
    )
    assert holds(field, "archive")
    page = see(client, f"{receipt}?lang=en")
    assert "Object to this" in page.text
    client.post(receipt, {"withdraw": "archive"})
    assert history(field)[-1].action == "objected"
    assert not holds(field, "archive")


def test_the_letter_somebody_agreed_by_stands_on_the_receipt(field, client, address, receipt):
    client.post(f"{address}?lang=ru", YES)
    page = see(client, receipt)
    assert len(page.find("//details//section[@class='block']")) == len(Block)
    assert {section.get("lang") for section in page.find("//section[@class='block']")} == {"ru"}


def test_the_receipt_lives_as_long_as_the_data(field, client, receipt, now):
    now(NOW + timedelta(days=2000))
    assert client.get(receipt).status_code == 200
    field.amal.delete()
    assert client.get(receipt).status_code == 404
