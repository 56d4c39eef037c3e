"""Charts add up, day by day, and stay inside their frame."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from panel.desk import charts

FIRST = date(2023, 10, 2)


def test_quiet_days_are_drawn_too():
    chart = charts.cumulative([FIRST, FIRST + timedelta(days=3)], [("Completed", "completed", [2, 5])])
    assert [values for _day, values in chart.rows] == [[2], [2], [2], [7]]
    assert chart.lines[0].last == 7


def test_without_a_day_there_is_no_chart():
    assert charts.cumulative([], []) is None


def test_a_first_day_is_a_line_that_begins_at_nothing():
    chart = charts.cumulative([FIRST], [("Invited", "invited", [9])])
    (_x, y0), (_x1, y1) = (map(float, point.split(",")) for point in chart.lines[0].points.split())
    assert y0 == chart.floor > y1
    assert chart.rows == [(FIRST, [9])]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 90_000)), min_size=1, unique_by=lambda one: one[0])
)
def test_curves_never_fall_and_never_leave_the_frame(told):
    days = [FIRST + timedelta(days=n) for n, _value in sorted(told)]
    chart = charts.cumulative(days, [("x", "x", [value for _n, value in sorted(told)])])
    points = [tuple(map(float, pair.split(","))) for pair in chart.lines[0].points.split()]
    ys = [y for _x, y in points]
    assert ys == sorted(ys, reverse=True)
    assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in points)
    assert all(0 <= y <= chart.height for y, _value in chart.ticks)
