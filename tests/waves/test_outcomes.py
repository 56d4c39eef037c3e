"""Rates of a wave from its events; by group only above the threshold; nothing of where people live."""

from collections import Counter
from random import Random

import pytest

from panel.errors import BadInput, NotNow
from panel.members import cohorts
from panel.members import services as members
from panel.members.models import PanelMember, Study
from panel.waves import outcomes, selectors, services
from panel.waves.models import Case, CaseEvent, Wave
from panel.waves.rates import Rate
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
K = CaseEvent.Kind


@pytest.fixture
def livet():
    return f.study()


def answered(wave: Wave, number: int, **members_are: str) -> None:
    """So many of these members completed, all were invited."""
    cases = list(wave.cases.filter(**{f"member__{name}": value for name, value in members_are.items()}))
    services.record_events(cases=cases, kind=K.INVITED, at=f.NOON)
    services.record_events(cases=cases[:number], kind=K.COMPLETED, at=f.NOON)


def test_all_rates_in_one_query(livet, django_assert_num_queries):
    f.people(livet, 4)
    wave = f.opened(livet)
    answered(wave, 1)
    with django_assert_num_queries(1):
        found = outcomes.outcome(wave)
    assert (found.rates["RR1"].numerator, found.rates["RR1"].denominator) == (1, 4)
    assert found.tally.final == {"1.1": 1}


def test_the_database_rules_as_the_pure_function_does(livet):
    f.people(livet, 40)
    wave = f.opened(livet)
    dice = Random(7)
    for case in wave.cases.all():
        for kind in dice.choices(list(K), k=dice.randrange(4)):
            services.record_event(case=case, kind=kind, at=f.NOON)
    codes = selectors.codes_of(list(wave.cases.all()), closed=False)
    assert selectors.by_code(wave) == Counter(codes.values())
    assert len(set(codes.values())) > 6


def test_res_05_having_left_changes_no_code_and_no_rate(livet):
    """RES-05: leavers stay eligible; silent members are eligible non-response."""
    people = f.people(livet, 8)
    wave = f.opened(livet)
    answered(wave, 3)
    before = outcomes.as_json(outcomes.outcome(wave))
    for member, place in zip(people, PanelMember.Place, strict=False):
        members.set_place(by=f.SYSTEM, member=member, place=place, now=f.NOON)
    assert outcomes.as_json(outcomes.outcome(wave)) == before
    assert (before["groups"]["NE"], before["groups"]["UH"], before["groups"]["UO"]) == (0, 0, 0)
    assert before["e"]["value"] == 1


def test_nev_10_sdc_10_groups_are_told_above_the_threshold_and_small_ones_together(livet):
    """NEV-10, SDC-10: what the total leaves is above the threshold as well."""
    for language, number in (("uk", 30), ("ru", 16), ("nb", 5), ("en", 14)):
        f.people(livet, number, language=language, start=100 * number)
    wave = f.opened(livet)
    for language, number in (("uk", 12), ("ru", 7), ("nb", 2), ("en", 7)):
        answered(wave, number, language=language)
    lines = outcomes.by_group(wave, "language")
    assert [(line.groups, line.cases) for line in lines] == [(("uk",), 30), (("ru",), 16), (("en", "nb"), 19)]
    assert [line.rates["RR1"].numerator for line in lines] == [12, 7, 9]
    assert sum(line.cases for line in lines) == 65
    assert 0.9 < outcomes.evenness(lines).r < 1


def test_sdc_10_a_wave_too_small_is_not_broken_down(livet):
    f.people(livet, 5, cohort="2022")
    f.people(livet, 30, cohort="2025", start=50)
    wave = f.opened(livet)
    answered(wave, 12, cohort="2025")
    answered(wave, 2, cohort="2022")
    assert outcomes.by_group(wave, "cohort") == []


def test_sdc_10_the_study_s_own_threshold_counts_where_it_is_stricter(livet):
    f.people(livet, 20, cohort="2022")
    f.people(livet, 30, cohort="2025", start=50)
    wave = f.opened(livet)
    answered(wave, 8, cohort="2022")
    answered(wave, 15, cohort="2025")
    assert len(outcomes.by_group(wave, "cohort")) == 2
    wave.study.disclosure = {"k": 10}
    assert outcomes.by_group(wave, "cohort") == []


def test_nev_10_where_people_live_is_no_way_to_break_a_wave_down(livet):
    f.people(livet, 2)
    with pytest.raises(BadInput, match="cohort, language"):
        outcomes.by_group(f.opened(livet), "place")


def test_erased_members_count_in_the_total_and_are_a_group_that_hides_like_any(livet):
    f.people(livet, 20, cohort="2022")
    f.people(livet, 20, cohort="2025", start=50)
    wave = f.opened(livet)
    answered(wave, 10, cohort="2022")
    answered(wave, 10, cohort="2025")
    gone = list(wave.cases.filter(member__cohort="2025")[:2])
    services.keep_dispositions(cases=gone)
    Case.objects.filter(pk__in=[case.pk for case in gone]).delete()
    wave.refresh_from_db()
    assert outcomes.rates(wave)["RR1"].denominator == 40
    assert [line.groups for line in outcomes.by_group(wave, "cohort")] == [("2022",), ("2025", "erased")]


def test_a_wave_that_only_keeps_in_touch_has_no_rates(livet):
    f.people(livet)
    wave = f.opened(livet)
    wave.kind = Wave.Kind.KEEP_IN_TOUCH
    with pytest.raises(NotNow, match="asks nothing"):
        outcomes.outcome(wave)


def recruited(livet: Study, *, is_open: bool, approached: int | None) -> None:
    """As the file of the vector would leave it: 1000 answered, 900 joined."""
    cohorts.count_in(study=livet, name="2022", answered=1000, joined=900)
    cohorts.describe(by=f.SIGNE, study=livet, name="2022", is_open=is_open, approached=approached, now=f.NOON)


def test_cumrr_carries_a_wave_back_to_who_was_asked_to_join(livet):
    """1000/3000 x 900/1000 x 200/350 = .1714, here with nobody lost in between."""
    f.people(livet, 7, cohort="2022")
    recruited(livet, is_open=False, approached=3000)
    wave = f.opened(livet)
    answered(wave, 4)
    assert wave.in_panel == 7
    wave.in_panel = 900
    (way,) = outcomes.ways(wave)
    assert (
        way.cumrr
        == pytest.approx(1000 / 3000 * 900 / 1000 * 4 / 7, abs=5e-5)
        == pytest.approx(0.1714, abs=5e-5)
    )
    wave.in_panel = 450
    (way,) = outcomes.ways(wave)
    assert way.cumrr == pytest.approx(0.1714 / 2, abs=5e-5), (
        "half of the panel was gone when the sample was drawn"
    )


def test_cumulative_rates_stand_for_each_wave_so_far(livet):
    f.people(livet, 8, cohort="2022")
    recruited(livet, is_open=False, approached=2000)
    form = f.version(livet)
    first = f.opened(livet, instrument=form)
    answered(first, 6)
    members.set_status(
        by=f.SYSTEM, member=first.cases.first().member, status=PanelMember.Status.LEFT, now=f.NOON
    )
    second = f.opened(livet, instrument=form, name="w2024", number=2)
    answered(second, 7)
    ways = outcomes.ways(second)
    assert [(way.wave, way.completion, way.retention) for way in ways] == [
        ("w2023", Rate(6, 8), Rate(8, 900)),
        ("w2024", Rate(7, 7), Rate(7, 900)),
    ]


@pytest.mark.parametrize("is_open", [True, False])
def test_open_recruitment_has_a_participation_rate_and_never_a_response_rate(livet, is_open):
    recruited(livet, is_open=is_open, approached=4000)
    first = outcomes.recruitment(livet, "0")
    assert first
    found = outcomes.recruitment_as_json(first)
    rate = {"value": 0.25, "numerator": 1000, "denominator": 4000}
    assert found.get("participation_rate") == (rate if is_open else None)
    assert found.get("response_rate") == (None if is_open else rate)
    assert ("response_rate" in found) is not is_open
    assert found["profile"]["value"] == 0.9


def test_open_recruitment_ends_the_way_back_and_leaves_participation_of_the_invited(livet):
    f.people(livet, 5, cohort="2022")
    recruited(livet, is_open=True, approached=4000)
    wave = f.opened(livet)
    cases = list(wave.cases.all())
    services.record_events(cases=cases[:4], kind=K.INVITED, at=f.NOON)
    services.record_events(cases=cases[:1], kind=K.COMPLETED, at=f.NOON)
    services.record_events(cases=cases[1:2], kind=K.SUFFICIENT, at=f.NOON)
    found = outcomes.outcome(wave)
    (way,) = outcomes.ways(wave)
    assert (way.cumrr, way.stages["recruitment"]) == (None, None)
    assert outcomes.participation(wave, found) == Rate(2, 4)
    services.keep_dispositions(cases=cases[1:2] + cases[4:])
    Case.objects.filter(pk__in=[cases[1].pk, cases[4].pk]).delete()
    wave.refresh_from_db()
    assert outcomes.participation(wave, outcomes.outcome(wave)) == Rate(2, 4), "erased members stay counted"


def test_a_cohort_nobody_described_counts_as_open(livet):
    """Strict: no rate is claimed to be of more than is known."""
    f.people(livet, 2, cohort="2022")
    (way,) = outcomes.ways(f.opened(livet))
    assert way.recruitment.recruited.is_open
    assert way.cumrr is None


def test_progress_by_day_counts_every_letter(livet):
    f.people(livet, 2)
    wave = f.opened(livet)
    first, second = wave.cases.all()
    for kind in selectors.LETTERS:
        services.record_event(case=first, kind=kind, at=f.NOON)
    services.record_event(case=second, kind=K.STARTED, at=f.NOON)
    (day,) = selectors.progress(wave).by_day
    assert (day.letters, day.invited, day.reminded, day.started, day.completed) == (7, 1, 1, 1, 0)
