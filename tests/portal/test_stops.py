"""The ladder of stops by its addresses: from a letter, from a page of the survey, by one click."""

import re
from datetime import date, timedelta

import pytest
from django.utils import translation

from consent.models import ConsentEntry
from panel.invitations import links
from panel.invitations.models import Link
from panel.portal import words
from panel.portal.guard import OF_MEMBER
from panel.responses.models import Response
from panel.rights import erasure, files
from panel.rights.models import Stop
from panel.rights.rules import DELETE_WORDS, NO_RECALL, ONE_CLICK_PAUSE, RUNGS, WAIT, Rung
from tests.factories.answering import NOW, SYSTEM, with_cards
from tests.portal.html import LANGUAGES, Seen, see, send, sent
from tests.portal.letters import link

pytestmark = pytest.mark.django_db


@pytest.fixture
def ladder(field):
    return f"/m/{field.token(Link.Use.STOP)}"


@pytest.fixture
def click(field):
    return f"/o/{field.token(Link.Use.ONE_CLICK)}"


@pytest.fixture
def amal(field):
    def fresh():
        field.amal.refresh_from_db()
        return field.amal

    return fresh


def choose(client, address, rung, **more):
    return Seen(client.post(address, {"rung": rung, "until": "", "word": "", **more}, follow=True))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_law_04_law_06_each_rung_is_named_and_none_is_chosen(field, client, ladder, lang):
    page = see(client, f"{ladder}?lang={lang}")
    assert page.find("//input[@name='rung']/@value") == list(Rung)
    assert not page.find("//@checked | //@selected")
    assert DELETE_WORDS[lang] in page.text
    if lang != "en":
        assert not any(str(RUNGS[rung].name) in page.text for rung in Rung)


def test_choosing_nothing_does_nothing(field, client, ladder):
    """A scanner that submits forms as it finds them stops nobody."""
    page = Seen(client.post(ladder, {"until": "", "word": ""}))
    assert page.status == 422
    assert page.find("//p[@class='error']")
    assert not Stop.objects.exists()


@pytest.mark.parametrize(
    ("rung", "more", "state"),
    [
        ("pause", {"until": "2024-01-01"}, ("active", False, date(2024, 1, 1))),
        ("no_reminders", {}, ("active", False, None)),
        ("no_mail", {}, ("active", True, None)),
        ("leave_keep", {}, ("left", False, None)),
        ("leave_delete", {"word": "видалити"}, ("deleting", False, None)),
    ],
)
@pytest.mark.parametrize("where", ["letter", "survey"])
def test_law_06_each_rung_is_in_force_at_once_and_can_be_taken_back(
    field, client, amal, ladder, where, rung, more, state
):
    address = ladder if where == "letter" else f"/a/{field.token()}/stop"
    page = choose(client, address, rung, **more)
    assert (page.status, page.response.redirect_chain) == (200, [(address, 303)])
    member = amal()
    assert (member.status, member.mail_stopped, member.paused_until) == state
    stop = Stop.objects.get()
    assert stop.channel == ("stop page" if where == "letter" else "answer page")
    assert page.find("//button[@name='undo']/@value") == [str(stop.pk)]
    page = Seen(client.post(address, {"undo": str(stop.pk)}, follow=True))
    member = amal()
    assert (member.status, member.mail_stopped, member.paused_until) == ("active", False, None)
    assert not page.find("//button[@name='undo']")
    assert page.find("//input[@name='rung']/@value") == list(Rung)


def test_law_05_withdrawing_takes_no_more_steps_than_consenting(field, client, amal, ladder):
    """Counted in pages fetched and forms sent, from the page that asks for a consent, and from a letter."""
    start = f"/a/{field.token()}"
    page = see(client, see(client, start).link("start"))
    while "page=last" not in page.action():
        page = send(client, page, where_live="in_norway")
    consenting = [client.get(page.action()), client.post(page.action(), sent(page, interview="yes"))]
    assert ConsentEntry.objects.latest("id").purpose == "interview"
    from_page = [client.get(page.link("stops")), client.post(page.link("stops"), {"rung": "leave_keep"})]
    assert amal().status == "left"
    undo = Stop.objects.get().pk
    client.post(ladder, {"undo": str(undo)})
    assert amal().status == "active"
    from_letter = [client.get(ladder), client.post(ladder, {"rung": "leave_keep"})]
    assert amal().status == "left"
    assert max(len(from_page), len(from_letter)) <= len(consenting)


def test_a_pause_without_a_day_says_so_beside_the_field(field, client, ladder):
    page = Seen(client.post(f"{ladder}?lang=en", {"rung": "pause", "until": "soon"}))
    assert page.status == 422
    assert page.find("//div[@role='alert']//a/@href") == ["#until"]
    assert page.find("//input[@id='until']/@aria-invalid") == ["true"]
    assert page.find("//input[@name='rung'][@checked]/@value") == ["pause"]


@pytest.mark.parametrize("word", ["", "ja", "DELET"])
def test_deletion_needs_the_word(field, client, amal, ladder, word):
    page = Seen(client.post(ladder, {"rung": "leave_delete", "word": word}))
    assert page.status == 422
    assert page.find("//div[@role='alert']//a/@href") == ["#word"]
    assert amal().status == "active"


def test_deletion_says_until_when_it_can_be_taken_back_and_is_then_gone(field, client, ladder, now):
    with_cards(field.amal, field.other)
    page = choose(client, f"{ladder}?lang=en", "leave_delete", word="delete")
    assert "19 October 2023" in page.text
    assert not page.find("//input[@name='rung'][@type='radio']")
    now(NOW + WAIT)
    assert "being carried out" in see(client, f"{ladder}?lang=en").text
    erasure.erase_due(now=NOW + WAIT)
    assert see(client, ladder).response.content == see(client, "/m/unknown").response.content


def test_the_wait_can_be_waived_afterwards_by_the_word_again(field, client, ladder):
    page = choose(client, ladder, "leave_delete", word="ВИДАЛИТИ")
    (form,) = page.find("//form[.//input[@name='waive']]")
    sent = {one.get("name"): one.get("value") for one in form.xpath(".//input[@type='hidden']")}
    assert Seen(client.post(ladder, sent)).status == 422  # a scanner types no word
    assert Stop.objects.get().due_at == NOW + WAIT
    client.post(ladder, {**sent, "word": "ВИДАЛИТИ"})
    assert Stop.objects.get().due_at == NOW


def test_law_02_the_words_agreed_to_again_are_on_the_page(field, client, ladder):
    page = choose(client, ladder, "leave_keep")
    quoted = [" ".join(one.text_content().split()) for one in page.find("//blockquote[@lang='uk']")]
    assert len(quoted) == 2
    assert any("електронною поштою" in text for text in quoted)


@pytest.mark.parametrize("made_up", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_a_made_up_undo_changes_nothing(field, client, amal, ladder, made_up):
    choose(client, ladder, "no_mail")
    assert client.post(ladder, {"undo": made_up}).status_code == 409
    assert amal().mail_stopped


def test_another_members_stop_can_not_be_undone(field, client, amal, ladder):
    choose(client, ladder, "no_mail")
    theirs = f"/m/{field.token(Link.Use.STOP, field.other)}"
    assert client.post(theirs, {"undo": str(Stop.objects.get().pk)}).status_code == 409
    assert amal().mail_stopped


def test_a_double_click_does_no_harm(field, client, ladder):
    for _click in range(2):
        assert client.post(ladder, {"rung": "leave_keep"}).status_code == 303
    assert Stop.objects.count() == 1


def test_who_left_by_an_answer_link_sees_it_there_and_the_survey_is_gone(field, client):
    address = f"/a/{field.token()}"
    page = choose(client, f"{address}/stop", "leave_keep")
    assert page.find("//button[@name='undo']")
    assert not page.find("//a[contains(@class, 'back')]")
    assert client.get(address).status_code == 404


def test_tok_03_one_click_pauses_and_never_more(field, client, amal, click):
    response = client.post(click, {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200  # RFC 8058: no redirect
    member = amal()
    assert (member.status, member.mail_stopped) == ("active", False)
    assert member.paused_until == NOW.date() + ONE_CLICK_PAUSE
    assert Stop.objects.get().channel == "one click"


def test_tok_03_get_shows_a_page_with_a_button(field, client, amal, click):
    page = see(client, click)
    assert page.find("//input[@name='List-Unsubscribe']/@value") == ["One-Click"]
    assert amal().paused_until is None


def test_one_click_can_be_taken_back_on_its_own_page(field, client, amal, click):
    page = Seen(client.post(click, {"List-Unsubscribe": "One-Click"}))
    (undo,) = page.find("//button[@name='undo']/@value")
    client.post(click, {"undo": undo})
    assert amal().paused_until is None


def test_tok_01_a_one_click_link_takes_nothing_else_back(field, client, amal, click, ladder):
    choose(client, ladder, "leave_keep")
    assert not see(client, click).find("//button[@name='undo']")
    client.post(click, {"undo": str(Stop.objects.get().pk)})
    assert amal().status == "left"


def test_one_click_needs_the_words_of_the_standard(field, client, amal, click):
    client.post(click, {"x": "y"})
    assert amal().paused_until is None


def test_one_click_shortens_nothing(field, client, amal, click, ladder):
    choose(client, ladder, "pause", until="2025-01-01")
    client.post(click, {"List-Unsubscribe": "One-Click"})
    assert amal().paused_until == date(2025, 1, 1)
    choose(client, ladder, "leave_keep")
    assert client.post(click, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert amal().status == "left"


def test_one_click_after_a_short_pause_makes_it_longer(field, client, amal, click, ladder):
    choose(client, ladder, "pause", until=(NOW.date() + timedelta(days=3)).isoformat())
    client.post(click, {"List-Unsubscribe": "One-Click"})
    assert amal().paused_until == NOW.date() + ONE_CLICK_PAUSE


@pytest.mark.parametrize("use", sorted(set(OF_MEMBER) - {Link.Use.STOP}))
def test_law_05_each_link_of_the_member_s_own_leads_to_the_whole_ladder(field, client, amal, use):
    """Also to what was asked there: it is shown, and can be taken back."""
    address = f"/{links.PATHS[use]}/{link(field, use)}/stop"
    page = choose(client, address, "leave_keep")
    assert amal().status == "left"
    words = {Link.Use.ANSWER: "answer page", Link.Use.OWN: "own page"}
    assert Stop.objects.get().channel == words.get(use, "other page")
    (undo,) = page.find("//button[@name='undo']/@value")
    client.post(address, {"undo": undo})
    assert amal().status == "active"


@pytest.mark.parametrize("rung", ["leave_keep", "leave_delete"])
@pytest.mark.parametrize("ticked", [True, False])
def test_law_13_never_again_is_offered_to_who_leaves_and_not_ticked(field, client, ladder, rung, ticked):
    (box,) = see(client, ladder).find("//input[@name='never_again']")
    assert box.get("checked") is None
    more = {"never_again": "yes"} if ticked else {}
    page = choose(client, f"{ladder}?lang=en", rung, word="DELETE", **more)
    assert Stop.objects.get().never_again == ticked
    assert ("We will never contact you again" in page.text) == ticked


def test_law_13_who_stays_is_not_shut_out_by_a_tick(field, client, ladder):
    choose(client, ladder, "no_mail", never_again="yes")
    assert not Stop.objects.get().never_again


def test_what_was_ticked_and_typed_stays_where_something_is_amiss(field, client, ladder):
    sent = {"rung": "leave_delete", "word": "DELET", "waive": "yes", "never_again": "yes"}
    page = Seen(client.post(ladder, sent))
    assert page.status == 422
    assert page.find("//input[@id='word']/@value") == ["DELET"]
    ticked = page.find("//input[@checked]/@name")
    assert ticked == ["rung", "waive", "never_again"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_law_14_deleting_says_what_lies_outside_and_what_no_one_can_recall(field, client, ladder, lang):
    """By kind, never by name; after the choice too."""
    files.register(
        by=SYSTEM, study=field.study, kind="linked_file", what="panel_w1_w2.gjf", where="a drive",
        holder="Ines", made_on=NOW.date(), codes=[field.amal.code], now=NOW,
    )  # fmt: skip
    with translation.override(lang):
        sentences = (str(NO_RECALL), str(words.OUTSIDE["linked_file"]))
    for page in (
        see(client, f"{ladder}?lang={lang}"),
        choose(client, f"{ladder}?lang={lang}", "leave_delete", word="DELETE"),
    ):
        assert all(sentence in page.text for sentence in sentences)
        assert "panel_w1_w2" not in page.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nev_12_no_page_of_stops_asks_twice_or_why(field, client, ladder, lang):
    page = see(client, f"{ladder}?lang={lang}")
    assert not page.find("//textarea")
    assert not re.search(r"are you sure|er du sikker|ви впевнені|вы уверены", page.text, re.IGNORECASE)


@pytest.mark.parametrize("choice", [{"rung": "leave_keep"}, {"rung": "nonsense"}])
def test_who_is_erased_while_the_page_is_made_meets_what_an_unknown_link_shows(
    field, client, ladder, monkeypatch, choice
):
    """Two windows: in one a deletion without the wait, carried out while the other is being answered."""
    resolve = links.resolve

    def resolved_and_erased(**given):
        link = resolve(**given)
        field.amal.delete()
        return link

    unknown = client.get("/m/unknown?lang=en").content
    monkeypatch.setattr(links, "resolve", resolved_and_erased)
    response = client.post(f"{ladder}?lang=en", choice)
    assert (response.status_code, response.content) == (404, unknown)
    assert response["Cache-Control"] == "no-store"


def test_an_answer_of_who_is_erased_meanwhile_is_not_kept(field, client, monkeypatch):
    resolve = links.resolve

    def resolved_and_erased(**given):
        link = resolve(**given)
        field.amal.delete()
        return link

    monkeypatch.setattr(links, "resolve", resolved_and_erased)
    address = f"/a/{field.token()}?page=now"
    assert client.post(address, {"where_live": "in_norway", "revision": "0"}).status_code == 404
    assert not Response.objects.exists()


def test_law_06_a_link_without_a_survey_stops_the_reminders_of_the_one_that_is_open(field, client):
    """As the own page's link in a receipt."""
    new = links.NewLink(Link.Use.OWN, field.amal, None)
    (token,) = links.mint_many([new], today=NOW.date())
    assert client.post(f"/p/{token}/stop", {"rung": "no_reminders"}).status_code == 303
    assert Stop.objects.get().case == field.case()
