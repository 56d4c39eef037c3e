"""The table of statuses, what a plan must keep to, who is drawn."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from panel.errors import BadInput, NotNow
from panel.members.models import PanelMember
from panel.waves import rules
from panel.waves.models import Wave

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


def plan(days, **changes):
    values = {"opens_at": OPENS, "closes_at": CLOSES, "reminders_max": 2, "gap_days": 7, **changes}
    rules.check_plan(reminder_days=days, **values)


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
    def drawn(status="active", cohort="2022", cohorts=(), agreed=True):
        return rules.drawn(status=status, cohort=cohort, cohorts=cohorts, agreed=agreed)

    assert drawn()
    assert drawn(cohorts=["2022", "2023"])
    assert not drawn(cohorts=["2023"])
    assert not drawn(agreed=False)
    assert not drawn(status=PanelMember.Status.LEFT)
    assert not drawn(status=PanelMember.Status.DELETING)


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
