"""The table of statuses, what a plan must keep to, who is drawn."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from panel.errors import BadInput, NotNow
from panel.members.models import PanelMember
from panel.waves import rules
from panel.waves.models import Wave
from panel.waves.plans import Sample, usual_plan

OPENS = datetime(2023, 10, 1, 8, tzinfo=UTC)
CLOSES = OPENS + timedelta(days=30)
S = Wave.Status


@pytest.mark.parametrize("now_is", S)
@pytest.mark.parametrize("to", S)
def test_only_the_table_s_changes_pass(now_is, to):
    allowed = {(S.PLANNED, S.APPROVED), (S.APPROVED, S.OPEN), (S.OPEN, S.CLOSED)}
    try:
        rules.check_change(now_is, to)
        passed = True
    except NotNow:
        passed = False
    assert passed == ((now_is, to) in allowed)


def plan(days, *, closes_at=CLOSES, reminders_max=2, gap_days=7):
    frame = rules.Frame(Wave.Kind.SURVEY, OPENS, closes_at, has_questions=True)
    limits = rules.Limits(reminders_max, gap_days)
    rules.check_plan(plan=usual_plan(reminder_days=days), frame=frame, limits=limits)


@pytest.mark.parametrize("days", [[], [7], [7, 14], [10, 20]])
def test_a_plan_passes_just_as_long_as_its_limits_allow_its_reminders(days):
    passed = []
    for most in range(4):
        with suppress(BadInput):
            plan(days, reminders_max=most)
            passed.append(most)
    assert passed == list(range(len(days), 4))


@pytest.mark.parametrize(
    ("days", "word"),
    [
        ([7, 14, 21], "2 reminders"),
        ([6], "7 days"),
        ([7, 13], "7 days"),
        ([14, 7], "7 days"),
        ([7, 30], "after the close"),
    ],
)
def test_reminders_too_many_too_close_or_after_the_close_are_refused_with_a_sentence(days, word):
    with pytest.raises(BadInput, match=word):
        plan(days)


def test_a_plan_that_closes_before_it_opens_is_refused():
    with pytest.raises(BadInput):
        plan([], closes_at=OPENS)


def test_drawn_by_status_cohort_and_consent():
    def why(status="active", cohort="2022", agreed=True, **sample):
        one = rules.Candidate(uuid4(), "ABCDEFGH1", status, cohort, "uk", "returned")
        return rules.not_drawn(one, Sample(**sample), agreed=agreed, happened=())

    assert why() is None
    assert why(cohorts=["2022", "2023"]) is None
    assert why(cohorts=["2023"]) == rules.NotDrawn.COHORT
    assert why(agreed=False) == rules.NotDrawn.NO_CONSENT
    assert why(status=PanelMember.Status.LEFT) == rules.NotDrawn.LEFT
    assert why(status=PanelMember.Status.DELETING) == rules.NotDrawn.LEFT


def test_the_clock_opens_and_closes():
    def due(status, now):
        return rules.due_change(status=status, opens_at=OPENS, closes_at=CLOSES, now=now)

    second = timedelta(seconds=1)
    assert due(S.APPROVED, OPENS - second) is None
    assert due(S.APPROVED, OPENS) == S.OPEN
    assert due(S.OPEN, CLOSES - second) is None
    assert due(S.OPEN, CLOSES) == S.CLOSED
    assert due(S.PLANNED, CLOSES) is None, "what nobody approved never opens"
    assert due(S.CLOSED, CLOSES) is None
