"""The member's own page: what it says and doesn't, its language, where they live (RES-04), the way to it by mail."""

import re
from datetime import timedelta

import pytest

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.invitations.models import Link, Outgoing
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency.models import Evidence, Flag, Spell
from panel.rights import erasure, services
from panel.rights.models import Message
from panel.rights.own import DAILY, PLACES
from panel.rights.rules import Rung
from tests.factories.answering import NOW, SYSTEM, with_cards
from tests.portal.html import LANGUAGES, Seen, see, walk

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def own(field):
    return f"/p/{field.token(Link.Use.OWN)}"


def stop(field, rung, **more):
    by = Actor.member(field.amal.code)
    services.ask_stop(
        by=by, member=field.amal, rung=rung, channel="stop page", typed_word="DELETE", now=NOW, **more
    )


def ways(page, own):
    """The pages that the own page leads to."""
    return {one.removeprefix(f"{own}/").split("?")[0] for one in page.find("//main//a/@href") if own in one}


# --- what it says


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_says_what_is_held_by_kind(field, client, own, lang):
    walk(client, f"/a/{field.token()}", now={"where_live": "moved_on"})
    Outgoing.objects.create(
        member=field.amal, purpose="waves", occasion=field.case().pk, kind="invitation", state="sent",
        planned_at=NOW, due_at=NOW, sent_at=NOW,
    )  # fmt: skip
    page = see(client, f"{own}?lang={lang}")
    assert page.find("//html/@lang") == [lang]
    assert len(page.find("//dl/dt")) == 6
    assert "2023" in page.text
    assert len(page.find("//details//li")) == 1
    assert ways(page, own) == {"stop", "residence", "hours", "address", "copy", "consents"}


def test_sensitive_answers_and_contact_data_are_not_on_it(field, client, own):
    """Phones are shared: neither an answer, nor where somebody lives, nor an address is on the first page."""
    with_cards(field.amal)
    walk(client, f"/a/{field.token()}", now={"where_live": "moved_on"}, last={"comment": "Ïnchen"})
    page = see(client, f"{own}?lang=en")
    for hidden in ("another country", "moved", "Ïnchen", "uk@example.org", field.amal.code):
        assert hidden not in page.text
    assert "Surveys answered: 1 (5 October 2023)" in page.text


def test_a_message_is_read_there_in_the_reader_s_language(field, client, own):
    words = {"uk": "Ми виправили місяць.", "en": "We have corrected the month."}
    Message.objects.create(study=field.study, member=field.amal, kind="answer", words=words, made_at=NOW)
    theirs = {"uk": "Не для Вас."}
    Message.objects.create(study=field.study, member=field.other, kind="answer", words=theirs, made_at=NOW)
    assert words["en"] in see(client, f"{own}?lang=en").text
    page = see(client, own)
    assert words["uk"] in page.text
    assert theirs["uk"] not in page.text


def test_consents_are_listed_as_they_stand_now(field, client, own):
    assert "Further surveys: you agreed, 1 June 2022" in see(client, f"{own}?lang=en").text
    stop(field, "leave_keep")
    assert "Further surveys: you withdrew this, 5 October 2023" in see(client, f"{own}?lang=en").text


def test_who_left_and_keeps_answers_still_sees_their_page(field, client, own):
    with_cards(field.amal)
    stop(field, "leave_keep")
    page = see(client, own)
    assert ways(page, own) == {"stop", "residence", "copy", "consents"}
    erasure.erase_due(now=NOW + 15 * DAY)
    assert "We can no longer write to you" in see(client, f"{own}?lang=en").text


def test_who_waits_for_deletion_can_only_undo_it_there(field, client, own):
    stop(field, "leave_delete")
    page = see(client, f"{own}?lang=en")
    assert ways(page, own) == {"stop", "consents"}
    assert "Nothing can be changed here now" in page.text
    assert "Leave the study and delete everything about me" in page.text
    assert not page.find("//select")


def test_law_10_nothing_is_changed_while_the_data_are_frozen(field, client, own):
    members.hold(by=SYSTEM, member=field.amal, kind="restriction", reason="asked", now=NOW)
    assert ways(see(client, own), own) == {"stop", "consents", "copy"}
    assert not see(client, f"{own}/residence").find("//form")
    for address, sent in (
        (own, {"language": "nb"}),
        (f"{own}/residence", {"place": "returned"}),
        (f"{own}/hours", {"from": "7", "until": "10"}),
    ):
        assert client.post(address, sent).status_code == 409
    assert not Evidence.objects.exists()
    assert PanelMember.objects.get(pk=field.amal.pk).language == "uk"


def test_it_costs_a_constant_number_of_queries(field, client, own, django_assert_max_num_queries):
    for number in range(5):
        Message.objects.create(
            study=field.study, member=field.amal, kind="answer", words={"uk": str(number)}, made_at=NOW
        )
    with django_assert_max_num_queries(9):
        client.get(own)


# --- language


def test_the_language_is_chosen_for_letters_and_pages(field, client, own):
    page = Seen(client.post(own, {"language": "ru"}, follow=True))
    assert page.find("//html/@lang") == ["ru"]
    assert PanelMember.objects.get(pk=field.amal.pk).language == "ru"
    assert AuditEvent.objects.filter(verb="member.language_set", subject=field.amal.code).count() == 1


@pytest.mark.parametrize("language", ["", "xx", "fr"])
def test_a_language_the_study_does_not_have_is_refused(field, client, own, language):
    page = Seen(client.post(own, {"language": language}))
    assert page.status == 422
    assert page.find("//select[@aria-invalid]")
    assert PanelMember.objects.get(pk=field.amal.pk).language == "uk"


# --- where they live


def test_res_04_the_member_sees_the_status_and_corrects_it(field, client, own):
    """One more thing told, never one overwritten; it raises a flag as the rules say."""
    walk(client, f"/a/{field.token()}", now={"where_live": "in_norway"})
    page = see(client, f"{own}/residence?lang=en")
    assert "In Norway" in page.find("//section")[0].text_content()
    assert not page.find("//@checked")
    sent = {"place": "returned", "month": "09", "year": "2023"}
    page = Seen(client.post(f"{own}/residence?lang=en", sent, follow=True))
    assert page.status == 200
    told = list(Evidence.objects.order_by("number").values_list("source", "place", "month"))
    assert told == [("wave", "in_norway", ""), ("own_page", "returned", "2023-09")]
    assert Flag.objects.get(state="open").evidence.source == "own_page"
    assert "since September 2023" in page.text
    assert "on this page: Back in Ukraine" in page.text
    assert "going to look at a change" in page.text
    assert Spell.objects.filter(place="returned", from_month="2023-09").exists()


def test_res_04_a_correction_stops_no_mail_and_moves_nobody(field, client, own):
    """RES-05: leaving Norway is no leaving of the panel."""
    client.post(f"{own}/residence", {"place": "moved_on"})
    member = PanelMember.objects.get(pk=field.amal.pk)
    assert (member.status, member.mail_stopped, member.paused_until) == ("active", False, None)


def test_an_arrival_in_norway_is_told_by_its_month(field, client, own):
    client.post(f"{own}/residence", {"place": "in_norway", "month": "03", "year": "2022"})
    assert Evidence.objects.get().arrived_month == "2022-03"
    assert Spell.objects.get().from_month == "2022-03"


def test_said_twice_it_is_said_once(field, client, own):
    for _press in range(2):
        assert client.post(f"{own}/residence", {"place": "moved_on"}).status_code == 303
    assert Evidence.objects.count() == 1


def test_a_page_left_open_fills_no_table(field, client, own):
    for number in range(DAILY + 2):
        client.post(f"{own}/residence", {"place": PLACES[number % 2]})
    assert Evidence.objects.count() == DAILY


@pytest.mark.parametrize(
    ("sent", "anchor"),
    [
        ({}, "place-0"),
        ({"place": "unknown"}, "place-0"),
        ({"place": "away", "month": "03"}, "month"),
        ({"place": "away", "year": "2023"}, "month"),
        ({"place": "away", "month": "11", "year": "2023"}, "month"),
        ({"place": "away", "month": "99", "year": "2023"}, "month"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_amiss_is_said_beside_it_and_what_was_chosen_stays(field, client, own, sent, anchor, lang):
    page = Seen(client.post(f"{own}/residence?lang={lang}", sent))
    assert page.status == 422
    assert page.find("//div[@role='alert']//a/@href") == [f"#{anchor}"]
    assert page.find(f"//*[@id='{anchor}']")
    if lang != "en":
        assert "lease" not in page.find("//div[@role='alert']")[0].text_content()
    chosen = page.find("//input[@checked]/@value") + page.find("//option[@selected and @value!='']/@value")
    assert chosen == [value for value in sent.values() if value not in {"unknown", "99"}]
    assert not Evidence.objects.exists()


def test_if_the_last_write_fails_nothing_is_kept(field, client, own, monkeypatch):
    def broken(*_given, **_named):
        raise RuntimeError

    monkeypatch.setattr("panel.residency.services._derive", broken)
    with pytest.raises(RuntimeError):
        client.post(f"{own}/residence", {"place": "moved_on"})
    assert not Evidence.objects.exists()
    assert not Flag.objects.exists()
    assert not AuditEvent.objects.filter(verb="residency.told").exists()


# --- the way there by mail


@pytest.mark.parametrize("use", [Link.Use.ANSWER, Link.Use.STOP])
def test_tok_01_another_link_opens_no_own_page_but_has_its_link_mailed(field, client, use):
    """Once a day, however often the button is pressed; with the questions that are open."""
    letter = {Link.Use.ANSWER: "a", Link.Use.STOP: "m"}[use]
    address = f"/{letter}/{field.token(use)}/own"
    assert not Outgoing.objects.exists()
    for _press in range(3):
        page = Seen(client.post(f"{address}?lang=en", follow=True))
        assert "We have sent the link" in page.text
        assert not page.find("//form")
    assert Outgoing.objects.get().kind == "link_again"
    assert AuditEvent.objects.filter(verb="own_page.asked").count() == 1
    assert not re.search(r"/p/", page.response.content.decode())


def test_who_asked_for_deletion_gets_no_letter_any_more(field, client):
    address = f"/m/{field.token(Link.Use.STOP)}/own"
    stop(field, "leave_delete")
    assert client.post(address).status_code == 409
    assert not Outgoing.objects.exists()


# --- the ladder from here


@pytest.mark.parametrize("rung", [rung for rung in Rung if rung != Rung.NO_REMINDERS])
def test_law_05_law_06_each_rung_from_the_own_page_is_two_steps_and_can_be_undone(field, client, own, rung):
    """The own page and the ladder fetched, one form sent. No more reminders is about one survey, so it is
    offered where one is known: on links of its letters."""
    page = see(client, own)
    (ladder,) = {one for one in page.find("//main//a/@href") if one.endswith("/stop")}
    page = Seen(client.post(ladder, {"rung": rung, "until": "2024-01-01", "word": "DELETE"}, follow=True))
    made = field.amal.stops.get()
    assert (made.rung, made.channel) == (rung, "own page")
    assert see(client, f"{own}?lang=en").find("//section[contains(@class, 'standing')]//li")
    client.post(ladder, {"undo": str(made.pk)})
    member = PanelMember.objects.get(pk=field.amal.pk)
    assert (member.status, member.mail_stopped, member.paused_until) == ("active", False, None)
