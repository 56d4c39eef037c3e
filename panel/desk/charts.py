"""Drawings for the desk, as SVG made here: no script, nothing from elsewhere. Numbers come from selectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 260, 60, 40, 16, 24


@dataclass(frozen=True)
class Line:
    """One curve: its words, its style class, its points as SVG wants them, its last value."""

    name: str
    style: str
    points: str
    last: int


@dataclass(frozen=True)
class Chart:
    """What the template draws; `rows` says the same as a table, for who can't see it."""

    lines: list[Line]
    ticks: list[tuple[float, int]]  # y, value
    days: list[tuple[float, date]]  # x, day
    rows: list[tuple[date, list[int]]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def cumulative(days: Sequence[date], series: Sequence[tuple[str, str, Sequence[int]]]) -> Chart | None:
    """Curves that add up to the last day, quiet days included; None without a day.

    They begin at nothing on the eve of the first day, so that a wave's first day is a line too.
    """
    if not days:
        return None
    first = min(days) - timedelta(days=1)
    span = (max(days) - first).days
    every = [first + timedelta(days=n) for n in range(span + 1)]
    sums = [
        list(accumulate(dict(zip(days, numbers, strict=True)).get(day, 0) for day in every))
        for _n, _s, numbers in series
    ]
    top = _round_up(max((row[-1] for row in sums), default=0))
    lines = [
        Line(
            name,
            style,
            " ".join(f"{_x(n, span):.1f},{_y(value, top):.1f}" for n, value in enumerate(row)),
            row[-1],
        )
        for (name, style, _numbers), row in zip(series, sums, strict=True)
    ]
    ticks = [(_y(value, top), value) for value in sorted({0, top // 2, top})]
    marks = sorted({0, span // 2, span})
    rows = [(day, [row[n] for row in sums]) for n, day in enumerate(every) if n]
    return Chart(lines, ticks, [(_x(n, span), every[n]) for n in marks], rows)


def _x(day: int, span: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * day / span


def _y(value: int, top: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top


def _round_up(value: int) -> int:
    """The next even, round number, so that the axis has whole numbers."""
    step = int(10 ** max(0, len(str(max(value, 1))) - 2)) * 2
    return max(step, -(-value // step) * step)


@dataclass(frozen=True)
class Bar:
    """One day's bar: where it stands, how high it is, what it counts."""

    x: float
    y: float
    width: float
    height: float
    day: date
    value: int


@dataclass(frozen=True)
class Bars:
    """Days with a bar each, quiet days as gaps."""

    bars: list[Bar]
    ticks: list[tuple[float, int]]
    days: list[tuple[float, date]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def bars(counts: Sequence[tuple[date, int]]) -> Bars | None:
    """A bar for each day that has one; None without a day."""
    if not counts:
        return None
    first, last = min(day for day, _n in counts), max(day for day, _n in counts)
    span = (last - first).days + 1
    room = (WIDTH - LEFT - RIGHT) / span
    top = _round_up(max(value for _day, value in counts))
    drawn = [
        Bar(
            LEFT + room * ((day - first).days + 0.1),
            _y(value, top),
            min(room * 0.8, 40),
            HEIGHT - BOTTOM - _y(value, top),
            day,
            value,
        )
        for day, value in counts
    ]
    ticks = [(_y(value, top), value) for value in sorted({0, top // 2, top})]
    marks = sorted({0, span // 2, span - 1}) if span > 2 else list(range(span))
    return Bars(drawn, ticks, [(LEFT + room * (n + 0.5), first + timedelta(days=n)) for n in marks])
