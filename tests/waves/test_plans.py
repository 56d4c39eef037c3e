"""What a plan may be: each sentence of a refusal, what it is read from, whom it draws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import services as consent
from consent.rules import NewEntry, text_hash
from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.members import services as members
from panel.waves import plans, rules, sampling, services
from panel.waves.models import Case, CaseEvent, PlanVersion, Wave
from panel.waves.plans import Condition, Earlier, Plan, Sample, SoftLaunch, Step, StepKind, usual_plan
from tests.factories import fielding as f

K, C = StepKind, Condition
OPENS = datetime(2023, 10, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
INVITE = Step(K.INVITATION, 0)
THANK = Step(K.THANKS, 1, to=C.COMPLETED)


def remind(days, ordinal=1):
    return Step(K.REMINDER, days, ordinal, C.NOT_STARTED)


def go_on(days, ordinal=1):
    return Step(K.CONTINUE, days, ordinal, C.HALFWAY)


def check(*steps, kind=Wave.Kind.SURVEY, soft=None, questions=True, days=30):
    frame = rules.Frame(kind, OPENS, OPENS + timedelta(days=days), questions)
    rules.check_plan(plan=Plan(steps, soft_launch=soft), frame=frame, limits=rules.Limits(2, 7))


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        ([Step(K.PRE_NOTIFICATION, -3), INVITE, remind(7), go_on(7), remind(14, 2), THANK], {}),
        ([INVITE, remind(7), go_on(10), go_on(17, 2)], {}),
        ([INVITE, Step(K.KEEP_IN_TOUCH, 20, to=C.COMPLETED)], {}),
        ([INVITE], {"kind": Wave.Kind.PILOT}),
        ([INVITE, remind(7)], {"soft": SoftLaunch(50)}),
        ([Step(K.INTERVIEW_REQUEST, 0), remind(7), THANK], {"kind": Wave.Kind.INTERVIEW}),
        (
            [Step(K.KEEP_IN_TOUCH, 0), Step(K.KEEP_IN_TOUCH, 90, 2)],
            {"kind": Wave.Kind.KEEP_IN_TOUCH, "questions": False, "days": 120},
        ),
    ],
)
def test_a_plan_that_keeps_to_the_rules_passes(steps, more):
    check(*steps, **more)


@pytest.mark.parametrize(
    ("steps", "more", "word"),
    [
        ([remind(7)], {}, "lacks its main letter"),
        ([INVITE, Step(K.INTERVIEW_REQUEST, 0)], {}, "sends no such letter"),
        ([INVITE], {"kind": Wave.Kind.KEEP_IN_TOUCH, "questions": False}, "lacks its main letter"),
        ([INVITE], {"questions": False}, "Choose the questionnaire"),
        ([Step(K.KEEP_IN_TOUCH, 0)], {"kind": Wave.Kind.KEEP_IN_TOUCH}, "asks no questions"),
        (
            [Step(K.KEEP_IN_TOUCH, 0), THANK],
            {"kind": Wave.Kind.KEEP_IN_TOUCH, "questions": False},
            "sends no such letter: thank-you",
        ),
        ([Step(K.PRE_NOTIFICATION, 1), INVITE], {}, "before the opening"),
        ([Step(K.PRE_NOTIFICATION, -(10**12)), INVITE], {}, "before the opening"),
        ([INVITE], {"soft": SoftLaunch(5, limit=float("nan"))}, "soft launch has a first part"),
        ([Step(K.INVITATION, -1)], {}, "Only the pre-notification"),
        ([INVITE, INVITE], {}, "the same letter twice"),
        ([INVITE, Step(K.INVITATION, 3, 2)], {}, "goes once"),
        ([INVITE, remind(7, 2)], {}, "Number the letters"),
        ([INVITE, Step(K.REMINDER, 7, to=C.COMPLETED)], {}, "isn't for those"),
        ([INVITE, Step(K.THANKS, 1)], {}, "isn't for those"),
        ([INVITE, remind(7), remind(14, 2), remind(21, 3)], {}, "2 reminders"),
        ([INVITE, remind(7), go_on(10, 2)], {}, "at least 7 days apart"),
        ([INVITE, remind(6)], {}, "at least 7 days apart"),
        ([INVITE, remind(30)], {}, "reminder would be due after the close"),
        ([Step(K.INVITATION, 10), remind(20)], {}, "reminder would be due after the close"),
        ([INVITE, remind(28)], {"soft": SoftLaunch(50, days=2)}, "reminder would be due after the close"),
        ([Step(K.INVITATION, 30)], {}, "letter would be due after the close"),
        ([INVITE, Step(K.THANKS, 30, to=C.COMPLETED)], {}, "thank-you would be due after the close"),
        ([INVITE], {"soft": SoftLaunch(0)}, "soft launch has a first part"),
        ([INVITE], {"soft": SoftLaunch(5, limit=5)}, "soft launch has a first part"),
        (
            [Step(K.PRE_NOTIFICATION, -3), INVITE],
            {"soft": SoftLaunch(5)},
            "soft launch has no pre-notification",
        ),
        ([INVITE], {"days": 0}, "closes before it opens"),
    ],
)
def test_each_breach_has_its_sentence(steps, more, word):
    with pytest.raises(BadInput, match=word):
        check(*steps, **more)


@pytest.mark.parametrize(
    ("sample", "word"),
    [
        (Sample(cohorts=["1999"]), "no cohort “1999”. There are: 2022"),
        (Sample(places=["mars"]), "no place “mars”"),
        (Sample(languages=["xx"]), "language “xx”"),
        (Sample(but=[Earlier("w1", "completed")]), "no earlier wave “w1”"),
        (Sample(only=[Earlier("w0", "slept")]), "Nothing is called “slept”"),
        (Sample(at_most=0), "one member or more"),
    ],
)
def test_a_sample_names_only_what_there_is(sample, word):
    known = rules.Known({"2022"}, {"uk", "nb"}, {"w0"}, set(CaseEvent.Kind.values))
    with pytest.raises(BadInput, match=word):
        rules.check_sample(sample, known)


# --- read and written


def test_a_plan_is_read_as_it_was_written():
    plan = Plan(
        steps=[Step(K.PRE_NOTIFICATION, -3), INVITE, remind(7), go_on(7)],
        sample=Sample(cohorts=["2022"], but=[Earlier("w1", "completed")], at_most=50),
        soft_launch=SoftLaunch(20, 3, 0.1),
        seed="x",
    )
    assert Plan.from_json(plan.as_json()).as_json() == plan.as_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {}, [], "plan", {"steps": 1}, {"steps": [{"kind": "letter", "days": 0}]}, {"steps": [{"kind": "invitation"}]},
        {"steps": [{"kind": "invitation", "days": "soon"}]},
        {"steps": [{"kind": "invitation", "days": 0, "day": 3}]},
        {"steps": [{"kind": "invitation", "days": 0, "letter": "newest"}]},
        {"steps": [], "sample": {"cohorts": "2022"}}, {"steps": [], "sample": {"sex": ["f"]}},
        {"steps": [], "sample": {"only": [{"wave": "w1"}]}}, {"steps": [], "soft_launch": {"days": 2}},
        {"steps": [], "soft_lanuch": {"first": 20}}, {"steps": [], "soft_launch": {"first": 20, "limits": 0}},
        {"steps": [], "soft_launch": {"first": float("inf")}}, {"steps": [], "sample": {"at_most": float("inf")}},
        {"steps": [{"kind": "invitation", "days": float("inf")}]},
        {"steps": [{"kind": "invitation", "days": float("nan")}]},
        {"steps": [{"kind": "reminder", "days": 7.9}]}, {"steps": [{"kind": "reminder", "days": True}]},
        {"steps": [{"kind": "keep_in_touch", "days": day} for day in range(51)]},
        {"steps": [], "sample": {"cohorts": [{"name": "2022"}]}},
        {"steps": [], "sample": {"only": [{"wave": ["w1"], "event": "completed"}]}},
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused_with_a_sentence(wrong):
    with pytest.raises(BadInput, match="not a wave's plan"):
        Plan.from_json(wrong)


def test_reminders_without_a_number_are_numbered_by_their_days_to_begin_and_to_go_on_alike():
    found = Plan.from_json(
        {"steps": [{"kind": kind, "days": days} for kind, days in
                   (("invitation", 0), ("continue", 14), ("reminder", 7), ("continue", 7), ("reminder", 14))]}
    )  # fmt: skip
    assert {(one.kind.value, one.days): one.ordinal for one in found.steps} == {
        ("invitation", 0): 1, ("reminder", 7): 1, ("continue", 7): 1, ("reminder", 14): 2, ("continue", 14): 2,
    }  # fmt: skip
    assert plans.holds(found.steps[1].to, {"invited", "started"})


@given(st.sets(st.sampled_from(["invited", "started", "sufficient", "completed", "reminded"])))
def test_of_who_started_halfway_and_completed_each_is_one(events):
    fits = [to for to in (C.NOT_STARTED, C.HALFWAY, C.COMPLETED) if plans.holds(to, events)]
    assert len(fits) == 1
    assert plans.holds(C.NOT_COMPLETED, events) == (fits != [C.COMPLETED])


# --- drawing


@pytest.fixture
def livet(db):
    return f.study()


def codes(wave):
    return set(wave.cases.values_list("member__code", flat=True))


def drawn(of, sample, **changes):
    plan = replace(usual_plan(), sample=sample)
    return f.opened(of, plan=plan, reminder_days=[], **changes)


pytest_db = pytest.mark.django_db


def agree_to(of, one, purpose):
    """By a form that asks for this purpose alone."""
    words = {lang: f"And {purpose}? ({lang})" for lang in f.LANGUAGES}
    document = {"version": purpose, "study": of.slug, "questions": {"q": {"grants": [purpose], **words}}}
    consent.import_form(study_key=of.key, document=document, day=f.NOON.date())
    said = text_hash(words[one.language])
    entry = NewEntry(of.key, one.code, purpose, "given", purpose, said, one.language, "portal", f.NOON.date())
    consent.record([entry])


@pytest_db
def test_a_sample_by_cohort_language_and_place(livet):
    a, b, c, d = f.people(livet, 4)
    (e,) = f.people(livet, 1, start=4, cohort="2024")
    members.set_place(by=f.SYSTEM, member=b, place="returned", now=f.NOON)
    version = f.version(livet)

    def who(name, number, sample):
        wave = f.planned(livet, name=name, number=number, instrument=version, reminder_days=[],
                         plan=replace(usual_plan(), sample=sample))  # fmt: skip
        services.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
        return codes(wave)

    assert who("w1", 1, Sample(cohorts=["2024"])) == {e.code}, "a refreshment wave of its cohort alone"
    assert who("w2", 2, Sample(languages=["nb", "uk"])) == {a.code, c.code, e.code}
    assert who("w3", 3, Sample(places=["returned"])) == {b.code}
    assert who("w4", 4, Sample()) == {a.code, b.code, c.code, d.code, e.code}


@pytest_db
def test_a_sample_of_those_who_and_those_who_not(livet):
    done, quiet, never = f.people(livet, 3)
    version = f.version(livet)
    first = f.opened(livet, instrument=version, name="w1", number=1)
    services.record_event(case=first.cases.get(member=done), kind=CaseEvent.Kind.COMPLETED, at=f.NOON)
    services.record_event(case=first.cases.get(member=never), kind=CaseEvent.Kind.REFUSED, at=f.NOON)
    only = drawn(livet, Sample(only=[Earlier("w1", "completed")]), name="w2", number=2, instrument=version)
    but = drawn(livet, Sample(but=[Earlier("w1", "refused")]), name="w3", number=3, instrument=version)
    assert codes(only) == {done.code}
    assert codes(but) == {done.code, quiet.code}


@pytest_db
@pytest.mark.parametrize(
    ("kind", "purpose", "letter"),
    [("keep_in_touch", "keep_in_touch", "keep_in_touch"), ("interview", "interview", "interview_request")],
)
def test_law_03_each_kind_of_wave_draws_who_agreed_to_its_own_purpose(livet, kind, purpose, letter):
    yes, _no = f.people(livet, 2)
    agree_to(livet, yes, purpose)
    wave = services.plan_wave(
        by=f.SIGNE, study=livet, name="k", number=1, kind=Wave.Kind(kind), opens_at=f.NOON,
        instrument=f.version(livet) if kind == "interview" else None, closes_at=f.NOON + 30 * DAY,
        plan=Plan([Step(StepKind(letter), 0)]), now=f.NOON,
    )  # fmt: skip
    services.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    assert codes(wave) == {yes.code}


@pytest_db
def test_a_lot_is_drawn_by_a_seed_on_record_that_everybody_can_draw_again(livet):
    people = f.people(livet, 20)
    wave = drawn(livet, Sample(at_most=5))
    plan = wave.planned
    again = rules.drawn_by_lot([one.code for one in people], 5, plan.seed, sampling.SAMPLE)
    assert codes(wave) == again
    assert len(again) == 5
    assert AuditEvent.objects.get(verb="wave.approved").detail["seed"] == plan.seed
    others = {frozenset(rules.drawn_by_lot([one.code for one in people], 5, str(n), "x")) for n in range(9)}
    assert len(others) > 1


@pytest_db
def test_a_soft_launch_marks_the_first_and_must_be_smaller_than_the_sample(livet):
    f.people(livet, 6)
    version = f.version(livet)
    wave = f.opened(
        livet, instrument=version, reminder_days=[], plan=replace(usual_plan(), soft_launch=SoftLaunch(2))
    )
    assert wave.cases.filter(first_batch=True).count() == 2
    with pytest.raises(NotNow, match="as large as the sample"):
        f.opened(livet, name="w2", number=2, instrument=version, reminder_days=[],
                 plan=replace(usual_plan(), soft_launch=SoftLaunch(6)))  # fmt: skip


@pytest_db
def test_newcomers_are_drawn_into_an_open_wave_once_and_by_who_may(livet):
    f.people(livet, 2)
    wave = f.opened(livet)
    with pytest.raises(NotNow, match="Nobody has joined"):
        sampling.draw_newcomers(by=f.LIV, wave=wave, now=f.NOON)
    new = f.people(livet, 3, start=2, cohort="2024")
    assert sampling.draw_newcomers(by=f.LIV, wave=wave, now=f.NOON) == 3
    assert {one.code for one in new} <= codes(wave)
    assert AuditEvent.objects.get(verb="wave.newcomers_drawn").detail == {"cases": 3}
    with pytest.raises(NotNow):
        sampling.draw_newcomers(by=f.LIV, wave=wave, now=f.NOON)
    with pytest.raises(NotAllowed):
        sampling.draw_newcomers(by=f.SIGNE, wave=wave, now=f.NOON)


class Broken(Exception):
    """Stands for whatever breaks the last write."""


@pytest_db
def test_if_the_last_write_breaks_no_newcomer_and_no_release_is_kept(livet, monkeypatch):
    f.people(livet, 4)
    wave = f.opened(livet, reminder_days=[], plan=replace(usual_plan(), soft_launch=SoftLaunch(2)))
    f.people(livet, 1, start=4)

    def breaks(**_given):
        raise Broken

    monkeypatch.setattr("panel.audit.services.record", breaks)
    with pytest.raises(Broken):
        sampling.draw_newcomers(by=f.LIV, wave=wave, now=f.NOON)
    with pytest.raises(Broken):
        services.release_rest(by=f.LIV, wave=wave, reason="x", now=f.NOON)
    assert Case.objects.count() == 4
    wave.refresh_from_db()
    assert wave.rest_released_at is None


@pytest_db
def test_a_new_plan_is_version_one_and_its_approval_stands_in_it(livet):
    f.people(livet)
    wave = f.opened(livet)
    version = PlanVersion.objects.get()
    assert (version.number, version.state, version.decided_by) == (1, "in_force", "liv")
    assert version.plan == wave.plan
