"""The example's full plan keeps to the limits, and its count of letters within days is right."""

from datetime import timedelta

from panel.demo import planned
from panel.waves import rules
from panel.waves.models import Wave
from panel.waves.plans import StepKind


def test_both_plans_are_plans_and_differ_in_the_second_reminder_only():
    before, after = planned.full_plan(), planned.moved(planned.full_plan())
    frame = rules.Frame(Wave.Kind.SURVEY, planned.OPENS, planned.OPENS + timedelta(days=30), True)
    for plan in (before, after):
        rules.check_plan(plan=plan, frame=frame, limits=rules.Limits(reminders_max=2, gap_days=7))
    changed = {one.kind for one, other in zip(before.steps, after.steps, strict=True) if one != other}
    assert changed == {StepKind.REMINDER, StepKind.CONTINUE}


def test_the_most_letters_within_days_are_counted_in_any_window():
    letters = [planned.OPENS + timedelta(days=days) for days in (400, 0, 170, 179, 180)]
    assert planned.most_within(letters, 180) == 3
    assert planned.most_within([], 180) == 0
