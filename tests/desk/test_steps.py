"""What is done at the desk: by POST, with its words, through services; refusals become pages with a status."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consent.errors import ConsentError
from consent.models import ConsentForm
from panel import errors
from panel.desk import contacts
from panel.desk.sections import waves as section
from panel.desk.words import COLOURS
from panel.enrolment.rules import Outcome
from panel.invitations.models import Outgoing
from panel.members.models import PanelMember, StudyDecision
from panel.releases.models import Release
from panel.residency.models import Flag
from panel.rights.models import Request, Stop
from panel.waves import services as waves
from panel.waves.models import Wave
from tests.desk.conftest import NOW
from tests.factories import cast, scene

pytestmark = pytest.mark.django_db


def step(table, obj, slug):
    return reverse(f"desk:{table}_step", args=[obj.pk, slug])


def test_a_flag_is_confirmed_with_a_reason_and_shows_its_history(field, at_desk):
    signe, flag = at_desk(cast.SIGNE), field.flag
    address = step("residency_flag", flag, "confirm")
    refused = signe.post(address, {"reason": "  "})
    assert (refused.status_code, Flag.objects.get(pk=flag.pk).state) == (400, "open")
    done = signe.post(address, {"reason": "Month and place fit."}, follow=True)
    assert "Confirmed." in done.text
    assert "Month and place fit." in done.text
    assert Flag.objects.get(pk=flag.pk).state == "confirmed"
    assert PanelMember.objects.get(pk=flag.member_id).place == "returned"
    again = signe.post(address, {"reason": "Twice."})
    assert (again.status_code, "already reviewed" in again.text) == (409, True)
    assert signe.post(step("residency_flag", flag, "dismiss"), {"reason": "A mistake."}).status_code == 302


def test_a_page_of_a_flag_leads_to_the_next_one(field, at_desk):
    scene.answer(field.case(3), scene.RETURNED, now=NOW)
    page = at_desk(cast.SIGNE).get(reverse("desk:residency_flag_change", args=[field.flag.pk])).text
    assert 'rel="next"' in page
    assert "(1 to review)" in page


def plan(field, **changes):
    given = {
        "study": field.study.pk, "name": "2024", "number": "2", "instrument": field.wave.instrument.pk,
        "opens_at": "2024-10-01T10:00", "closes_at": "2024-10-31T23:59", "reminder_days": "7, 14",
    }  # fmt: skip
    return {**given, **changes}


def test_a_wave_is_planned_approved_lifted_and_closed(field, at_desk):
    signe, liv = at_desk(cast.SIGNE), at_desk(cast.LIV)
    planned = signe.post(reverse("desk:waves_wave_plan"), plan(field), follow=True)
    assert "Now a project leader approves it." in planned.text
    wave = Wave.objects.get(name="2024")
    assert (wave.status, wave.reminder_days) == ("planned", [7, 14])
    assert wave.opens_at.isoformat() == "2024-10-01T08:00:00+00:00"
    assert signe.post(step("waves_wave", wave, "approve")).status_code == 403
    assert "members are in the sample" in liv.post(step("waves_wave", wave, "approve"), follow=True).text
    assert liv.post(step("waves_wave", wave, "approve")).status_code == 409
    assert liv.post(step("waves_wave", wave, "hours"), {"reason": "Night shift."}).status_code == 302
    assert StudyDecision.objects.get(about="2024").reason == "Night shift."
    assert "Night shift." in liv.get(reverse("desk:members_study_change", args=[field.study.pk])).text
    assert liv.post(step("waves_wave", field.wave, "close")).status_code == 302
    assert Wave.objects.get(pk=field.wave.pk).status == "closed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reminder_days": "soon"},
        {"reminder_days": "1, 2"},
        {"closes_at": "2024-09-01T10:00"},
        {"name": "two words"},
        {"number": "0"},
        {"name": "2023"},
        {"instrument": ""},
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_on_its_page(field, at_desk, wrong):
    assert at_desk(cast.SIGNE).post(reverse("desk:waves_wave_plan"), plan(field, **wrong)).status_code == 400
    assert Wave.objects.count() == 1


def test_another_studys_questionnaire_or_study_is_refused(field, at_desk):
    other = cast.Study.objects.get(slug="another")
    version = scene.version(other)
    signe = at_desk(cast.SIGNE)
    for wrong in ({"instrument": version.pk}, {"study": other.pk}):
        assert signe.post(reverse("desk:waves_wave_plan"), plan(field, **wrong)).status_code == 400


def test_letters_in_doubt_are_decided_one_by_one_or_all(field, at_desk):
    signe = at_desk(cast.SIGNE)
    doubtful = list(Outgoing.objects.filter(state="unconfirmed"))
    assert len(doubtful) >= 3
    one = doubtful[0]
    assert (
        signe.post(step("invitations_outgoing", one, "again"), {"reason": "Not in its log."}).status_code
        == 302
    )
    assert Outgoing.objects.get(pk=one.pk).state == "queued"
    assert signe.post(step("invitations_outgoing", one, "again"), {"reason": "Twice."}).status_code == 409
    given = {"study": field.study.pk, "decision": "as_sent", "reason": "All stand in the server's log."}
    done = signe.post(reverse("desk:invitations_outgoing_unconfirmed"), given, follow=True)
    assert f"Decided on {len(doubtful) - 1} letter" in done.text
    assert not Outgoing.objects.filter(state="unconfirmed").exists()


def ticks(**changes):
    points = ("thresholds", "variables", "earlier", "purpose")
    return {**{f"point_{point}": "on" for point in points}, "reason": "Went through it.", **changes}


def test_sdc_08_a_release_is_approved_by_another_with_each_point_ticked(field, release, at_desk):
    ravn, ines = at_desk(cast.RAVN), at_desk(cast.INES)
    name = release.files.order_by("name")[0].name
    file = reverse("desk:releases_release_file", args=[release.pk, name])
    assert ines.get(file).status_code == 403
    assert ines.post(step("releases_release", release, "approve"), ticks()).status_code == 403
    assert ravn.post(step("releases_release", release, "approve"), ticks(point_earlier="")).status_code == 400
    assert ravn.get(file).status_code == 200
    assert ravn.post(step("releases_release", release, "approve"), ticks()).status_code == 302
    kept = Release.objects.get(pk=release.pk)
    assert (kept.state, kept.reviewed_by, set(kept.checklist.values())) == ("approved", "ravn", {True})
    got = ines.get(file)
    assert got.content == bytes(release.files.get(name=name).content)
    assert got["Content-Disposition"] == f'attachment; filename="{name}"'
    assert ines.get(file + "x").status_code == 404


def test_a_rejected_release_is_never_given_out(field, release, at_desk):
    ravn, ines = at_desk(cast.RAVN), at_desk(cast.INES)
    assert ravn.post(step("releases_release", release, "reject"), {"reason": "Too fine."}).status_code == 302
    name = release.files.order_by("name")[0].name
    assert ines.get(reverse("desk:releases_release_file", args=[release.pk, name])).status_code == 409
    assert "Too fine." in ines.get(reverse("desk:releases_release_change", args=[release.pk])).text


def test_a_release_is_asked_for_and_a_table_of_wave_0_refused(field, at_desk):
    ines = at_desk(cast.INES)
    given = {"study": field.study.pk, "wave": "", "product": "B"}
    assert "wait for a reviewer" in ines.post(reverse("desk:releases_release_ask"), given, follow=True).text
    assert ines.post(reverse("desk:releases_release_ask"), {**given, "product": "A"}).status_code == 400


def test_res_03_what_a_member_told_is_recorded_and_raises_a_flag(field, at_desk):
    signe, member = at_desk(cast.SIGNE), field.members[4]
    address = step("members_panelmember", member, "told")
    for wrong in ({"place": ""}, {"place": "returned", "month": "spring"}):
        assert signe.post(address, wrong).status_code == 400
    assert (
        "A change raises a flag."
        in signe.post(address, {"place": "moved_on", "month": "2023-05"}, follow=True).text
    )
    assert member.flags.get().kind == "left"
    assert member.evidence.get().source == "told_staff"


def stop(field, **changes):
    until = (NOW + timedelta(days=30)).date().isoformat()
    return {
        "study": field.study.pk,
        "code": field.members[4].code,
        "rung": "pause",
        "told_on": NOW.date().isoformat(),
        "until": until,
        **changes,
    }


def test_law_06_a_stop_is_recorded_as_told_to_staff(field, at_desk):
    done = at_desk(cast.VERA).post(reverse("desk:stop"), stop(field), follow=True)
    assert "The member gets a receipt." in done.text
    kept = Stop.objects.get(code=field.members[4].code)
    assert (kept.rung, kept.channel, kept.told_on) == ("pause", "told staff", NOW.date())


@pytest.mark.parametrize(
    ("wrong", "status"), [({"rung": ""}, 400), ({"until": ""}, 400), ({"code": "ZZZZZZZZZ"}, 404)]
)
def test_a_stop_that_is_not_clear_is_refused(field, at_desk, wrong, status):
    assert at_desk(cast.LIV).post(reverse("desk:stop"), stop(field, **wrong)).status_code == status


def test_no_rung_is_chosen_beforehand(field, at_desk):
    """NEV-12, LAW-06: no default choice."""
    page = at_desk(cast.LIV).get(reverse("desk:stop")).text
    assert '<option value="" selected>' in page


def test_zon_04_coordinator_and_keeper_in_one_person_need_a_decision_shown_on_the_page(field, at_desk):
    liv = at_desk(cast.LIV)
    role = {"username": "signe", "role": "keeper"}
    assert liv.post(step("members_study", field.study, "role"), role).status_code == 403
    decision = {"setting": "coordinator_opens_cards", "reason": "We are two people in all."}
    assert liv.post(step("members_study", field.study, "decide"), decision).status_code == 302
    assert liv.post(step("members_study", field.study, "role"), role).status_code == 302
    page = at_desk(cast.DAG).get(reverse("desk:members_study_change", args=[field.study.pk])).text
    assert "We are two people in all." in page
    assert (
        liv.post(step("members_study", field.study, "role"), {"username": "eve", "role": "dpo"}).status_code
        == 400
    )


def test_lists_are_found_by_code_as_somebody_types_it(field, at_desk):
    code = field.members[0].code
    typed = f"{code[:4].lower()}-{code[4:].lower()}"
    page = at_desk(cast.SIGNE).get(reverse("desk:members_panelmember_changelist"), {"q": typed}).text
    assert code in page
    assert field.members[1].code not in page


@pytest.mark.parametrize(
    "table", ["members_panelmember", "residency_flag", "invitations_outgoing", "consent_consententry"]
)
def test_a_list_asks_as_often_for_many_rows_as_for_one(field, at_desk, table):
    signe, address = at_desk(cast.SIGNE), reverse(f"desk:{table}_changelist")
    signe.get(address)
    with CaptureQueriesContext(connection) as many:
        signe.get(address)
    with CaptureQueriesContext(connection) as few:
        signe.get(address, {"q": field.members[0].code})
    assert len(many) <= len(few)


def test_a_list_of_waves_asks_as_often_for_two_as_for_one(field, at_desk):
    signe, address = at_desk(cast.SIGNE), reverse("desk:waves_wave_changelist")
    signe.get(address)
    with CaptureQueriesContext(connection) as one:
        signe.get(address)
    signe.post(reverse("desk:waves_wave_plan"), plan(field))
    signe.get(address)
    with CaptureQueriesContext(connection) as two:
        assert "2024" in signe.get(address).text
    assert len(two) == len(one)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadInput("x"), 400),
        (ConsentError("x"), 400),
        (errors.NotAllowed("x"), 403),
        (errors.NotFound("x"), 404),
        (errors.NotNow("x"), 409),
        (errors.Unreachable("x"), 503),
        (errors.Damaged("x"), 500),
        (ValueError("x"), 500),
    ],
)
def test_which_refusal_is_which_status(error, status):
    assert errors.status_of(error) == status


def test_every_outcome_and_state_has_its_word_and_colour():
    assert set(contacts.OUTCOMES) == set(Outcome)
    states = [*Wave.Status, *Outgoing.State, *PanelMember.Status, *Release.State, *Flag.State, *Request.State]
    states += ConsentForm.Status
    assert set(COLOURS) == {str(state) for state in states}


def test_hours_are_lifted_on_a_waves_page_and_nowhere_else(field, at_desk):
    """Recorded for the study, the decision would do nothing."""
    liv, address = at_desk(cast.LIV), step("members_study", field.study, "decide")
    page = liv.get(address).text
    assert "coordinator_opens_cards" in page
    assert "hours_lifted" not in page
    assert liv.post(address, {"setting": "hours_lifted", "reason": "Night shift."}).status_code == 400
    assert not StudyDecision.objects.filter(setting="hours_lifted").exists()


def test_a_members_page_asks_as_often_for_three_waves_as_for_one(field, at_desk):
    liv, member = at_desk(cast.LIV), field.members[0]
    address = reverse("desk:members_panelmember_change", args=[member.pk])
    liv.get(address)
    with CaptureQueriesContext(connection) as one:
        liv.get(address)
    for name, number in (("2024", 2), ("2025", 3)):
        planned = waves.plan_wave(
            by=cast.SIGNE, study=field.study, name=name, number=number, instrument=field.wave.instrument,
            opens_at=NOW, closes_at=NOW + 30 * scene.DAY, reminder_days=[7], now=NOW,
        )  # fmt: skip
        waves.approve_wave(by=cast.LIV, wave=planned, now=NOW)
    with CaptureQueriesContext(connection) as three:
        page = liv.get(address).text
    assert "2025: not available" in page
    assert len(three) == len(one)


def test_a_refusal_is_a_page_that_says_what_to_do(field, at_desk):
    page = at_desk(cast.VERA).get(reverse("desk:audit_auditevent_changelist"))
    assert page.status_code == 403
    assert "To the start page" in page.text


def test_every_status_of_a_wave_says_what_comes_next():
    assert set(section.NEXT) == set(Wave.Status)


@pytest.mark.parametrize(("language", "word"), [("nb", "Utsendinger"), ("en", "Outbox"), ("uk", "Outbox")])
def test_the_desk_speaks_norwegian_and_english(field, at_desk, language, word):
    page = at_desk(cast.SIGNE).get(reverse("desk:index"), headers={"accept-language": language}).text
    assert word in page


def test_an_outcome_told_to_staff_is_recorded_by_code_and_taken_back(field, at_desk):
    signe, member = at_desk(cast.SIGNE), field.members[5]
    address = step("members_panelmember", member, "outcome")
    assert signe.post(address, {"wave": "1999", "outcome": "language"}).status_code == 400
    said = signe.post(address, {"wave": field.wave.name, "outcome": "language"}, follow=True).text
    assert "No further letter of this wave" in said
    assert "language barrier" in said
    assert signe.post(address, {"wave": field.wave.name, "outcome": "died"}).status_code == 409
    assert "Taken back" in signe.post(address, {"wave": field.wave.name, "outcome": ""}, follow=True).text
    assert (
        "language barrier" not in signe.get(reverse("desk:members_panelmember_change", args=[member.pk])).text
    )
