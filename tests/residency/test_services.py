"""Evidence at completion, flags, their reviews, through the database. NEV-03: what is no evidence stays none."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.instruments import selectors as instruments
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency import selectors, services, tasks
from panel.residency.models import Evidence, Flag, FlagReview, Source, Spell
from panel.responses.models import Response
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories import cast, scene
from tests.factories.scene import DAY, NOW, RETURNED

pytestmark = pytest.mark.django_db
LATER = NOW + 3 * DAY


def review(field, state="confirmed", **changes):
    flag = changes.pop("flag", None) or field.flag
    given = {"by": cast.SIGNE, "flag": flag, "state": state, "reason": "Month and place fit.", "now": LATER}
    return services.review_flag(**{**given, **changes})


def test_a_leavers_answers_become_evidence_a_spell_and_a_flag(field):
    member = field.members[0]
    evidence = Evidence.objects.get(member=member)
    assert (evidence.place, evidence.month, evidence.region) == ("returned", "2023-02", "west")
    assert (evidence.source, evidence.number) == (Source.WAVE, 1)
    spell = Spell.objects.get(member=member)
    assert (spell.place, spell.from_month, spell.to_month, spell.from_told) == (
        "returned",
        "2023-02",
        "",
        True,
    )
    flag = Flag.objects.get(member=member)
    assert (flag.kind, flag.state, flag.evidence) == ("left", "open", evidence)


def test_living_in_norway_is_evidence_without_a_flag(field):
    member = field.members[2]
    assert Evidence.objects.get(member=member).place == "in_norway"
    assert not member.flags.exists()
    member.refresh_from_db()
    assert member.place == "in_norway"


def test_evidence_is_taken_once_and_never_overwritten(field):
    """RES-04: asked again, the answers of the same case give what was taken then."""
    response = Response.objects.get(case=field.case(0))
    first = Evidence.objects.get(case=field.case(0))
    response.answers = {**response.answers, "where_live": "in_norway"}
    assert services.take_evidence(response=response, now=LATER) == first
    assert Evidence.objects.get(pk=first.pk).place == "returned"
    assert Flag.objects.filter(member=field.members[0]).count() == 1


def test_an_unfinished_response_is_no_evidence(field):
    response = Response.objects.get(case=field.case(0))
    Evidence.objects.all().delete()
    response.completed_at = None
    assert services.take_evidence(response=response, now=LATER) is None
    assert not Evidence.objects.exists()


def test_not_answering_where_one_lives_is_no_evidence(field):
    response = Response.objects.get(case=field.case(0))
    Evidence.objects.all().delete()
    response.answers = {}
    assert services.take_evidence(response=response, now=LATER) is None


def test_what_says_nothing_of_it_locks_nobody_each_night(field):
    response = Response.objects.select_related("case", "instrument").get(case=field.case(0))
    response.answers = {}
    instruments.questionnaire(response.instrument)
    with CaptureQueriesContext(connection) as captured:
        services.take_evidence(response=response, now=LATER)
    assert not [query for query in captured if "SELECT" in query["sql"]]


def test_evidence_whose_place_cannot_be_left_on_the_member_is_not_kept(field, monkeypatch):
    """The last write breaks: nothing is kept."""
    Evidence.objects.all().delete()
    Spell.objects.all().delete()

    def broken(**given):
        raise RuntimeError

    monkeypatch.setattr(members, "set_place", broken)
    PanelMember.objects.filter(pk=field.members[2].pk).update(place="unknown")
    with pytest.raises(RuntimeError):
        services.take_evidence(response=Response.objects.get(case=field.case(2)), now=LATER)
    assert not Evidence.objects.exists()
    assert not Spell.objects.exists()


def test_the_sweep_finds_completions_without_evidence(field, monkeypatch):
    Evidence.objects.all().delete()
    monkeypatch.setattr(tasks.clock, "now", lambda: LATER)
    assert tasks.sweep_completions() == 3
    assert tasks.sweep_completions() == 0
    assert Flag.objects.count() == 2


def test_confirming_leaves_the_place_on_the_member(field):
    review(field)
    member = PanelMember.objects.get(pk=field.members[0].pk)
    assert member.place == "returned"
    assert member.status == "active"
    event = AuditEvent.objects.filter(verb="flag.reviewed").latest("id")
    assert (event.actor, event.subject) == ("signe", member.code)
    assert "returned" not in str(event.detail)


def test_dismissing_takes_the_spell_away_and_keeps_the_evidence(field):
    review(field, "dismissed", reason="A slip of the finger, said on the phone.")
    member = field.members[0]
    assert Evidence.objects.filter(member=member).exists()
    assert not Spell.objects.filter(member=member).exists()
    assert PanelMember.objects.get(pk=member.pk).place == "unknown"


def test_a_flag_can_be_reviewed_anew_and_every_review_stays(field):
    flag = field.flag
    review(field, flag=flag)
    review(field, "dismissed", flag=flag, reason="The member wrote: a mistake.")
    history = FlagReview.objects.filter(flag=flag).order_by("at", "id")
    assert {one.state for one in history} == {"confirmed", "dismissed"}
    assert PanelMember.objects.get(pk=field.members[0].pk).place == "unknown"
    with pytest.raises(NotNow):
        review(field, "dismissed", flag=flag)


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_review_needs_a_reason(field, reason):
    with pytest.raises(BadInput):
        review(field, reason=reason)
    assert field.flag.state == "open"


@pytest.mark.parametrize("who", [cast.LIV, cast.VERA, cast.INES, cast.RAVN, cast.DAG, cast.TOR])
def test_only_a_coordinator_of_the_study_reviews(field, who):
    with pytest.raises(NotAllowed):
        review(field, by=who)
    assert FlagReview.objects.count() == 1  # the one of the scene


def test_a_review_whose_audit_row_fails_keeps_nothing(field, monkeypatch):
    def broken(**given):
        raise RuntimeError

    flag = field.flag
    monkeypatch.setattr(services.audit, "record", broken)
    with pytest.raises(RuntimeError):
        review(field, flag=flag)
    assert Flag.objects.get(pk=flag.pk).state == "open"
    assert not FlagReview.objects.filter(flag=flag).exists()


def test_what_a_member_told_staff_is_recorded_as_that(field):
    evidence = services.told_staff(
        by=cast.SIGNE, member=field.members[3], place="moved_on", month="2023-05", now=LATER
    )
    assert (evidence.source, evidence.case) == (Source.TOLD_STAFF, None)
    assert evidence.flag.kind == "left"
    with pytest.raises(NotAllowed):
        services.told_staff(by=cast.VERA, member=field.members[3], place="moved_on", now=LATER)


@pytest.mark.parametrize("wrong", [{"place": "sweden"}, {"place": "returned", "month": "2023-5"}])
def test_what_staff_type_is_checked(field, wrong):
    with pytest.raises(BadInput):
        services.told_staff(by=cast.SIGNE, member=field.members[3], now=LATER, **wrong)


def test_two_tellings_that_contradict_raise_a_flag(field):
    said = services.told_staff(by=cast.SIGNE, member=field.members[0], place="in_norway", now=LATER)
    assert said.flag.kind == "contradiction"
    assert said.number == 2


def bounced(member, case):
    members.mark_unreachable(by=cast.SYSTEM, members=[member], now=LATER)
    waves.record_event(case=case, kind=CaseEvent.Kind.BOUNCED, at=LATER)


def silent(member, case):
    waves.turn(now=NOW + timedelta(days=400))


def other_language(member, case):
    PanelMember.objects.filter(pk=member.pk).update(language="ru")


def other_time_zone(member, case):
    with translation.override("uk"):
        services.sweep_completions(now=LATER)


def left_the_panel(member, case):
    members.set_status(by=cast.SYSTEM, member=member, status="left", now=LATER)


def stopped_mail(member, case):
    members.set_mail(by=cast.SYSTEM, member=member, stopped=True, now=LATER)


@pytest.mark.parametrize(
    "happens", [bounced, silent, other_language, other_time_zone, left_the_panel, stopped_mail]
)
def test_nev_03_res_03_nothing_but_the_members_word_is_evidence(field, happens):
    member, case = field.members[3], field.case(3)
    happens(member, case)
    services.sweep_completions(now=LATER)
    assert not Evidence.objects.filter(member=member).exists()
    assert not Flag.objects.filter(member=member).exists()
    assert PanelMember.objects.get(pk=member.pk).place == "unknown"


def test_res_05_a_flag_stops_no_mail_and_a_leaver_stays_in_the_sample(field):
    before = PanelMember.objects.values("status", "mail_stopped", "paused_until").get(pk=field.members[0].pk)
    review(field)
    after = PanelMember.objects.values("status", "mail_stopped", "paused_until").get(pk=field.members[0].pk)
    assert before == after
    assert not field.members[0].holds.exists()
    waves.close_wave(by=cast.LIV, wave=field.wave, now=LATER)
    following = waves.plan_wave(
        by=cast.SIGNE, study=field.study, name="2024", number=2, instrument=field.wave.instrument,
        opens_at=LATER + DAY, closes_at=LATER + 30 * DAY, reminder_days=[7], now=LATER,
    )  # fmt: skip
    assert waves.approve_wave(by=cast.LIV, wave=following, now=LATER) == 5


def test_the_summary_counts_a_waves_leavers_and_reviews(field):
    assert selectors.summary(field.study, field.wave) == {
        "left": 2,
        "returned_to_ukraine": 1,
        "moved_on": 1,
        "flags_raised": 2,
        "flags_confirmed": 1,
    }


def test_reasons_for_leaving_are_counted_by_code(field):
    assert selectors.exit_reasons(field.wave) == {"home": 1, "no_work": 1, "language": 1}


@pytest.mark.parametrize("how", ["hold", "deleting"])
def test_law_06_law_10_reasons_of_who_is_held_or_deletes_do_not_count(field, how):
    member = field.members[0]
    if how == "hold":
        members.hold(by=cast.SYSTEM, member=member, kind="restriction", reason="asked", now=LATER)
    else:
        members.set_status(by=cast.SYSTEM, member=member, status=PanelMember.Status.DELETING, now=LATER)
    assert "home" not in selectors.exit_reasons(field.wave)
    assert "no_work" in selectors.exit_reasons(field.wave)


def test_reasons_of_who_went_back_to_living_in_norway_do_not_count(field):
    """An answer that no longer counts on its way through the form isn't counted here either."""
    response = Response.objects.get(case=field.case(0))
    response.answers = {**response.answers, "where_live": "in_norway"}
    response.save()
    assert "home" not in selectors.exit_reasons(field.wave)


def test_evidence_goes_with_the_member(field):
    scene.answer(field.case(3), RETURNED, now=LATER)
    member = field.members[3]
    member.cases.all().delete()
    assert not Evidence.objects.filter(member=member).exists()
