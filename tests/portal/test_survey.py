"""A respondent's way through the survey, by its addresses alone."""

from datetime import timedelta

import pytest

from panel.members import services as members
from panel.residency.models import Evidence
from panel.responses.models import Response
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories.answering import CLOSES, NOW, SYSTEM
from tests.portal.html import LANGUAGES, Seen, see, send, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(field):
    return f"/a/{field.token()}"


def stored():
    return Response.objects.get()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_letter_to_the_thanks_in_each_language(field, client, start, lang):
    welcome = see(client, f"{start}?lang={lang}")
    assert welcome.find("//html/@lang") == [lang]
    assert "Example University" in welcome.text
    thanks = walk(client, f"{start}?lang={lang}", now={"where_live": "in_norway"})
    assert thanks.find("//html/@lang") == [lang]
    assert stored().completed_at == NOW
    assert stored().language == lang


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "no effect on your permit or benefits"),
        ("nb", "påvirker verken oppholdstillatelsen"),
        ("uk", "не вплине ні на Ваш дозвіл"),
        ("ru", "не повлияет ни на Ваше разрешение"),
    ],
)
def test_the_welcome_says_what_matters(field, client, start, lang, words):
    assert words in see(client, f"{start}?lang={lang}").text


def test_without_a_choice_the_page_speaks_the_members_language_then_the_last_one_used(field, client, start):
    assert see(client, start).find("//html/@lang") == ["uk"]
    page = see(client, see(client, f"{start}?lang=ru").link("start"))
    send(client, page, where_live="away")
    assert see(client, start).find("//html/@lang") == ["ru"]


def test_an_unknown_language_is_not_followed(field, client, start):
    assert see(client, f"{start}?lang=xx").find("//html/@lang") == ["uk"]


def test_nothing_is_ticked_beforehand(field, client, start):
    """LAW-04."""
    walked = see(client, see(client, start).link("start"))
    while walked.find("//input[@name='revision']"):
        assert not walked.find("//@checked | //option[@selected and @value!='']")
        first = {"where_live": "moved_on"} if "page=now" in walked.action() else {}
        walked = send(client, walked, **first)


def test_a_redirect_follows_each_saved_page(field, client, start):
    page = see(client, see(client, start).link("start"))
    response = client.post(page.action(), {"revision": "0", "where_live": "in_norway"})
    assert (response.status_code, response["Location"]) == (303, f"{start}?page=people")


def test_an_error_stands_beside_its_question_and_on_top_with_a_link_and_answers_are_kept(
    field, client, start
):
    first = see(client, see(client, start).link("start"))
    page = send(client, first, where_live="moved_on")
    page = Seen(
        client.post(page.action(), {"revision": "1", "left_month-month": "03", "left_month-year": ""})
    )
    assert page.status == 422
    (anchor,) = page.find("//div[@role='alert']//a/@href")
    (control,) = page.find(f"//*[@id='{anchor[1:]}']")
    assert control.get("aria-invalid") == "true"
    assert page.find("//fieldset[contains(@class, 'bad')]//p[@class='error']")
    assert page.find("//select[@name='left_month-month']/option[@selected]/@value") == ["03"]
    assert "left_month" not in stored().answers


def test_resume_at_the_page_left_with_the_answers_given(field, client, start):
    page = see(client, see(client, start).link("start"))
    page = send(client, page, where_live="in_norway")
    send(client, page, household="alone", partner="none")
    again = see(client, start)
    assert again.link("start").endswith("?page=work")
    people = see(client, f"{start}?page=people")
    assert set(people.find("//input[@checked]/@value")) == {"alone", "none"}


def test_back_leads_to_the_page_before(field, client, start):
    page = see(client, see(client, start).link("start"))
    assert page.link("back") == start
    page = send(client, page, where_live="moved_on")
    assert page.link("back") == f"{start}?page=now"


def test_progress_counts_the_pages_of_this_respondents_way(field, client, start):
    page = see(client, f"{see(client, start).link('start')}&lang=en")
    assert "Page 1 of" in page.text
    assert page.find("//progress/@value") == ["1"]


def test_a_page_not_yet_reached_leads_to_the_one_to_go_on_with(field, client, start):
    assert "page=now" in see(client, f"{start}?page=last").action()
    assert "page=now" in see(client, f"{start}?page=nowhere").action()
    response = client.post(f"{start}?page=nowhere", {"revision": "0"})
    assert response.status_code == 303
    assert not Response.objects.exists()


def test_a_second_device_is_told_and_shown_the_newest(field, client, start):
    page = see(client, see(client, start).link("start"))
    page = send(client, page, where_live="in_norway")
    send(client, page, household="alone")
    late = Seen(client.post(f"{page.action()}&lang=en", {"revision": "1", "household": "children"}))
    assert late.status == 409
    assert "another screen" in late.text
    assert late.find("//input[@checked]/@value") == ["alone"]
    assert late.revision() == "2"
    assert stored().answers["household"] == "alone"


@pytest.mark.parametrize("revision", ["", "-1", "x", "9" * 30, "1.0"])
def test_a_made_up_revision_saves_nothing(field, client, start, revision):
    response = client.post(f"{start}?page=now", {"revision": revision, "where_live": "away"})
    assert response.status_code == 409
    assert not Response.objects.exists()


def test_a_double_click_does_no_harm(field, client, start):
    sent = {"revision": "0", "where_live": "moved_on"}
    first = client.post(f"{start}?page=now", sent)
    second = client.post(f"{start}?page=now", sent)
    assert first["Location"] == second["Location"]
    assert (stored().revision, CaseEvent.objects.count()) == (1, 1)


def test_finishing_tells_residency_in_the_same_transaction(field, client, start):
    walk(client, start, now={"where_live": "moved_on"})
    evidence = Evidence.objects.get()
    assert (evidence.member, evidence.place) == (field.amal, "moved_on")


def test_a_completion_whose_evidence_fails_keeps_nothing_of_the_page(field, client, start, monkeypatch):
    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr("panel.portal.survey.take_evidence", broken)
    with pytest.raises(RuntimeError):
        walk(client, start, now={"where_live": "moved_on"})
    assert stored().completed_at is None
    assert not CaseEvent.objects.filter(kind="completed").exists()


def test_a_complete_survey_says_thanks_and_takes_no_more(field, client, start):
    walk(client, start, now={"where_live": "in_norway"})
    answers = stored().answers
    assert "Thank you for your answers" in see(client, f"{start}?lang=en").text
    late = client.post(f"{start}?page=now", {"revision": "0", "where_live": "moved_on"})
    assert late.status_code == 200
    assert stored().answers == answers


def test_a_closed_wave_says_thanks_and_takes_no_more(field, client, start, now):
    waves.turn(now=CLOSES)
    now(CLOSES + timedelta(days=1))
    for address in (f"{start}?lang=en", f"{start}?lang=en&page=now"):
        page = see(client, address)
        assert "Thank you for your interest" in page.text
        assert not page.find("//form")
    assert client.post(f"{start}?page=now", {"revision": "0", "where_live": "away"}).status_code == 200
    assert not Response.objects.exists()


def test_nev_04_the_writer_is_told_that_a_number_was_removed(field, client, start):
    thanks = walk(
        client, f"{start}?lang=en", now={"where_live": "in_norway"}, last={"comment": "01010012356"}
    )
    assert "looked like an identity number" in thanks.text
    assert "01010012356" not in thanks.text
    assert "01010012356" not in str(stored().answers)


def test_every_page_has_an_exit_and_a_way_to_the_stops(field, client, start):
    """LAW-05."""
    page = see(client, start)
    assert (page.link("exit"), page.link("stops")) == ("/", f"{start}/stop")
    page = see(client, page.link("start"))
    while page.find("//input[@name='revision']"):
        assert (page.link("exit"), page.link("stops")) == ("/", f"{start}/stop")
        page = send(client, page, **({"where_live": "returned"} if "page=now" in page.action() else {}))
    assert (page.link("exit"), page.link("stops")) == ("/", f"{start}/stop")


def test_the_chosen_language_is_carried_along(field, client, start):
    page = see(client, f"{start}?lang=nb")
    assert "lang=nb" in page.link("start")
    assert "lang=nb" in page.link("stops")
    page = see(client, page.link("start"))
    assert "lang=nb" in page.action()
    assert "lang=nb" in client.post(page.action(), {"revision": "0", "where_live": "away"})["Location"]


def test_who_is_held_is_not_asked(field, client, start):
    """LAW-10."""
    members.hold(by=SYSTEM, member=field.amal, kind="restriction", reason="asked", now=NOW)
    assert not see(client, f"{start}?page=now").find("//form")


def test_a_page_costs_a_constant_number_of_queries(field, client, start, django_assert_max_num_queries):
    address = see(client, start).link("start")
    with django_assert_max_num_queries(6):
        client.get(address)


def test_the_first_page_weighs_less_than_30_kb(field, client, start):
    page = see(client, start)
    files = [*page.find("//link/@href")]
    weight = len(page.response.content)
    for file in files:
        weight += len(b"".join(client.get(file).streaming_content))
    assert weight < 30_000
