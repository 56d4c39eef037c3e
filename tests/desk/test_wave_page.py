"""A wave's page: its days, its letters by state with reasons, its codes and rates; in as many queries however big."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from panel import clock
from panel.desk import wave_page
from panel.invitations import lost_contacts, pauses
from panel.invitations import selectors as outbox
from panel.invitations.models import Outgoing
from panel.members import cohorts
from panel.waves import selectors, services
from panel.waves.models import CaseEvent, Wave
from panel.waves.plans import SoftLaunch, usual_plan
from tests.factories import cast
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
K = CaseEvent.Kind


def page_of(wave, at_desk, who=cast.SIGNE):
    return at_desk(who).get(reverse("desk:waves_wave_change", args=[wave.pk]))


@pytest.fixture
def livet(db):
    return f.with_letters(f.study())


@pytest.fixture
def at_noon(monkeypatch):
    """Looks at the desk on a day of this wave's."""

    def look(day=0):
        monkeypatch.setattr(clock, "now", lambda: f.NOON + timedelta(days=day))

    look()
    return look


def days(wave, *, today):
    return [(entry.day, str(entry.words), entry.when) for entry in wave_page.calendar(wave, [], today=today)]


def test_the_calendar_shows_each_step_on_its_first_day_and_what_comes_next(livet):
    wave = f.planned(livet)
    found = days(wave, today=date(2023, 10, 3))
    assert found == [
        (date(2023, 10, 1), "It opens", "past"),
        (date(2023, 10, 1), "invitation", "past"),
        (date(2023, 10, 8), "reminder", "next"),
        (date(2023, 10, 8), "reminder to go on", "next"),
        (date(2023, 10, 15), "reminder", ""),
        (date(2023, 10, 15), "reminder to go on", ""),
        (date(2023, 11, 1), "It closes: links say thanks for 14 days more", ""),
    ]
    assert [when for _day, _words, when in days(wave, today=date(2023, 10, 8))].count("today") == 2
    assert {when for _day, _words, when in days(wave, today=date(2024, 1, 1))} == {"past"}


def test_the_calendar_says_how_many_letters_of_a_step_went_and_wait(livet, at_noon):
    f.people(livet, 3)
    wave = f.opened(livet)
    f.send_all()
    Outgoing.objects.filter(pk=Outgoing.objects.all()[0].pk).update(state="deferred", reason="paused")
    entries = wave_page.calendar(wave, outbox.letters_of(wave), today=f.NOON.date())
    (invitation,) = [entry for entry in entries if entry.words == "invitation"]
    assert (invitation.sent, invitation.waiting) == (2, 1)


def test_the_outbox_of_a_wave_stands_by_state_with_reasons_and_leads_to_its_lists(livet, at_noon, at_desk):
    f.people(livet, 4)
    wave = f.opened(livet)
    f.send_all()
    first, second, *_rest = Outgoing.objects.order_by("pk")
    Outgoing.objects.filter(pk=first.pk).update(state="deferred", reason="paused")
    Outgoing.objects.filter(pk=second.pk).update(state="failed", reason="address_refused")
    found = wave_page.states(outbox.letters_of(wave), "?wave=1")
    assert [(line.line.words, line.line.number) for line in found] == [
        ("sent", 2), ("deferred", 1), ("failed", 1)
    ]  # fmt: skip
    (paused,) = found[1].reasons
    assert (str(paused.words), paused.url) == (
        "paused by the member", "?wave=1&state__exact=deferred&reason__exact=paused",
    )  # fmt: skip
    signe = at_desk(cast.SIGNE)
    url = f"{reverse('desk:invitations_outgoing_changelist')}?wave={wave.pk}&state__exact=deferred"
    assert f"{url}&reason__exact=paused".replace("&", "&amp;") in page_of(wave, at_desk).text
    listed = signe.get(f"{url}&reason__exact=paused").text
    assert first.member.code in listed
    assert second.member.code not in listed
    nowhere = signe.get(f"{reverse('desk:invitations_outgoing_changelist')}?wave={uuid4()}").text
    assert first.member.code not in nowhere


def test_codes_are_shown_with_what_may_still_change(livet, at_noon, at_desk):
    f.people(livet, 3)
    wave = f.opened(livet)
    one, two, _three = wave.cases.all()
    services.record_event(case=one, kind=K.COMPLETED, at=f.NOON)
    services.record_event(case=two, kind=K.REFUSED, at=f.NOON)
    lines = wave_page.codes(selectors.tally(wave))
    assert [(line["code"].code, line["number"], line["interim"]) for line in lines] == [
        ("1.1", 1, 0), ("2.111", 1, 1), ("2.26", 1, 1),
    ]  # fmt: skip
    shown = page_of(wave, at_desk).text
    assert "RR1, RR3, RR5" in shown
    assert "1 / 3" in shown


@pytest.mark.parametrize("is_open", [True, False])
def test_the_page_says_participation_where_recruitment_was_open_and_cumrr_where_not(
    livet, at_noon, at_desk, is_open
):
    f.people(livet, 4)
    cohorts.count_in(study=livet, name="2022", answered=10, joined=4)
    cohorts.describe(by=f.SIGNE, study=livet, name="2022", is_open=is_open, approached=20, now=f.NOON)
    wave = f.opened(livet)
    services.record_events(cases=wave.cases.all()[:2], kind=K.COMPLETED, at=f.NOON)
    shown = page_of(wave, at_desk).text
    assert ("Participation rate" in shown, "CUMRR" in shown) == (is_open, not is_open)
    assert ("0.1000" in shown) is not is_open, "10/20 x 4/10 x 4/4 x 2/4"


def test_nev_10_sdc_10_the_page_by_group_shows_no_small_group(livet, at_noon, at_desk):
    f.people(livet, 30, language="uk")
    f.people(livet, 4, language="nb", start=50)
    f.people(livet, 20, language="ru", start=70)
    wave = f.opened(livet)
    for language, done in (("uk", 10), ("nb", 3), ("ru", 7)):
        services.record_events(
            cases=wave.cases.filter(member__language=language)[:done], kind=K.COMPLETED, at=f.NOON
        )
    url = reverse("desk:waves_wave_by", args=[wave.pk, "language"])
    shown = at_desk(cast.SIGNE).get(url).text
    assert "<td>Ukrainian</td>" in shown
    assert "<td>Norwegian bokmål, Russian</td>" in shown
    assert "<td>Norwegian Bokmal</td>" not in shown
    empty = at_desk(cast.SIGNE).get(reverse("desk:waves_wave_by", args=[wave.pk, "cohort"])).text
    assert "<td>2022</td>" in empty, "the only cohort is the total"


@pytest.mark.parametrize("variable", ["place", "status", "education"])
def test_nev_10_no_page_breaks_a_wave_down_by_where_people_live(livet, at_noon, at_desk, variable):
    f.people(livet)
    url = reverse("desk:waves_wave_by", args=[f.opened(livet).pk, variable])
    assert at_desk(cast.SIGNE).get(url).status_code == 400


def test_a_wave_without_sample_letters_or_answers_says_so(livet, at_noon, at_desk):
    f.people(livet)
    shown = page_of(f.planned(livet), at_desk).text
    assert "No sample yet" in shown
    assert "No letter yet" in shown
    assert "Outcome rates" not in shown


def test_a_wave_that_only_keeps_in_touch_has_a_page_without_rates(livet, at_noon, at_desk):
    f.people(livet)
    wave = f.opened(livet)
    Wave.objects.filter(pk=wave.pk).update(kind=Wave.Kind.KEEP_IN_TOUCH)
    shown = page_of(wave, at_desk)
    assert shown.status_code == 200
    assert "Outcome rates" not in shown.text


def test_the_page_takes_as_many_queries_for_many_cases_as_for_few(livet, at_noon, at_desk):
    signe, counted = at_desk(cast.SIGNE), []
    form = f.version(livet)
    for number, people in ((1, 2), (2, 25)):
        f.people(livet, people, start=100 * number)
        wave = f.opened(livet, instrument=form, name=f"w{number}", number=number)
        f.send_all()
        services.record_events(cases=wave.cases.all()[: people - 1], kind=K.COMPLETED, at=f.NOON)
        page = reverse("desk:waves_wave_change", args=[wave.pk])
        signe.get(page)  # what is asked once a session isn't of this page
        with CaptureQueriesContext(connection) as queries:
            assert signe.get(page).status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_days_of_silence_stand_in_the_calendar(livet):
    opens = datetime(2024, 2, 21, 10, tzinfo=f.OSLO)
    wave = f.planned(livet, opens_at=opens, closes_at=opens + timedelta(days=20))
    silent = [
        entry for entry in wave_page.calendar(wave, [], today=opens.date()) if "silence" in str(entry.words)
    ]
    assert [entry.day for entry in silent] == [date(2024, 2, 24)]


def test_a_pause_a_soft_launch_and_lost_contacts_are_said_with_the_letters(livet, at_noon, at_desk):
    people = f.people(livet, 12)
    plan = replace(usual_plan(reminder_days=[7]), soft_launch=SoftLaunch(first=4, days=2))
    wave = f.opened(livet, plan=plan, reminder_days=())
    f.send_all()
    at_noon()
    shown = page_of(wave, at_desk).text
    assert "Soft launch: 4 members are written to first. Of 4 letters 0 did not arrive." in shown
    assert "follows by itself" in shown
    lost_contacts.open_case(by=f.SYSTEM, member=wave.cases.first().member, now=f.NOON)
    pauses.pause(by=f.SIGNE, study=livet, reason="The letter has a mistake.", now=f.NOON)
    services.record_events(cases=wave.cases.filter(first_batch=True)[:2], kind=K.BOUNCED, at=f.NOON)
    shown = page_of(wave, at_desk).text
    assert "Of 4 letters 2 did not arrive." in shown
    assert "before a person lets it" in shown
    assert "1 member of this wave has no working address" in shown
    assert reverse("desk:invitations_lostcontact_changelist") in shown
    assert "Letters are paused: The letter has a mistake." in shown
    assert people[0].code not in shown
