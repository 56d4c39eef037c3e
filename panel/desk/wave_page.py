"""The page of one wave, as a coordinator sees it: how it stands, its rates. Work counts are exact (NEV-10)."""

from typing import Any

from django.http import HttpRequest

from panel.desk.progress import chart_of
from panel.members.rules import Verb
from panel.waves import outcomes, selectors
from panel.waves.models import Wave
from panel.waves.outcomes import Outcome
from panel.waves.selectors import Progress


def context(request: HttpRequest, wave: Wave, may: frozenset[Verb]) -> dict[str, Any]:
    """What the page shows, in a constant number of queries."""
    progress = selectors.progress(wave)
    return {
        "progress": progress,
        "chart": chart_of(progress),
        "outcome": _outcome(wave, progress) if Verb.SEE_RATES in may else None,
        "decisions": wave.study.decisions.filter(about=wave.name).order_by("-decided_at"),
    }


def _outcome(wave: Wave, progress: Progress) -> Outcome | None:
    """None where there is nothing to divide by."""
    if not progress.cases or wave.kind == Wave.Kind.KEEP_IN_TOUCH:
        return None
    return outcomes.outcome_of(progress.tally)
