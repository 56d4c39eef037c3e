"""A wave's progress as a chart: letters sent, started and completed, day by day, added up."""

from django.utils.translation import gettext

from panel.desk import charts
from panel.waves.selectors import Progress


def chart_of(progress: Progress) -> charts.Chart | None:
    """None while nothing has happened yet."""
    names = (
        ("letters", gettext("Letters sent")),
        ("started", gettext("Started")),
        ("completed", gettext("Completed")),
    )
    series = [(label, name, [getattr(day, name) for day in progress.by_day]) for name, label in names]
    return charts.cumulative([day.day for day in progress.by_day], series)
