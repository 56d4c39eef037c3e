"""The example's checks of rights: each figure that is not as it must be fails one of them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from panel.demo import summary

GOOD: Mapping[str, Any] = {
    "old_address_told": True,
    "found_at": {
        "old_address": 0, "new_address": 1, "stopped_address": 0, "kept_address": 1, "left": 0, "erased": 0,
    },
    "copy": {"own_address": True, "own_answers": True, "answers": 20, "consents": 3},
    "corrected": 1,
    "paused": 1,
    "answers_kept": True,
    "erased_at_once": True,
    "erased_link_opens": False,
    "old_vault": {
        "cards": 450, "open": 447, "shut": 3, "gone": 3, "gone_open": 0, "open_with_old_keystore": 0,
    },
    "request": {"state": "answered", "in_time": True},
    "second_file": {"enrolled": 1, "suppressed": 1},
    "reconsent": {
        "asked": 400, "written_to": 390, "answered": 6, "to_new_address": True, "to_old_address": False,
        "closed": True,
    },
    "journal": {"lines": 50, "fault": ""},
    "anchors": {"noted": 1, "hold": True},
}  # fmt: skip


DAYS: list[dict[str, Any]] = [
    {"day": "2024-09-27", "foreseen": {"pre_notification 1": 9}, "sent": {"pre_notification 1": 9}},
    {"day": "2024-10-01", "foreseen": {"invitation 1": 8}, "sent": {"invitation 1": 8}},
    {
        "day": "2024-10-08",
        "foreseen": {"continue 1": 1, "reminder 1": 4, "thanks 1": 3},
        "sent": {"continue 1": 1, "reminder 1": 4, "thanks 1": 3},
    },
]
GOOD_PLAN: Mapping[str, Any] = {
    "days": DAYS,
    "a_day": 1,
    "change": {
        "earlier": 0, "later": 4, "no_more": 0, "newly": 0, "sent_on_the_old_day": 0, "sent_on_the_new_day": 4,
    },
    "pause": {"waited": 8, "sent_meanwhile": 0},
    "hours": {"in_them": 2, "outside": 0},
    "returned": {"auto-reply": 1, "hard": 3, "soft": 1},
    "lost": {"refused": 14, "cases": 15, "written_to": 0},
    "reply": {"cases": 1, "passed_on": 1},
    "most_letters": {"found": 5, "days": 180, "limit": 6},
}  # fmt: skip
GOOD_WAVE: Mapping[str, Any] = {
    "cases": 10,
    "completes": 4,
    "dispositions": {"1.1": 4, "2.20": 5, "4.9": 1},
    "groups": {"I": 4, "P": 0, "R": 0, "NC": 5, "O": 0, "UH": 0, "UO": 0, "NE": 1},
    "rates": {"RR1": {"value": 4 / 9, "numerator": 4, "denominator": 9}},
}


def test_a_planned_wave_as_it_must_be_passes_every_check():
    assert all(summary.of_plan(dict(GOOD_PLAN)).values())
    assert all(summary.of_rates([dict(GOOD_WAVE)]).values())


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("days", [*DAYS[:2], {**DAYS[2], "sent": {**DAYS[2]["sent"], "thanks 1": 2}}]),
        ("days", DAYS[:2]),
        ("a_day", 2),
        ("change.earlier", 1),
        ("change.no_more", 1),
        ("change.newly", 1),
        ("change.later", 5),
        ("change.sent_on_the_old_day", 1),
        ("pause.waited", 0),
        ("pause.sent_meanwhile", 1),
        ("hours.in_them", 0),
        ("hours.outside", 1),
        ("returned", {"hard": 3, "soft": 1}),
        ("lost.cases", 16),
        ("lost.written_to", 1),
        ("reply.cases", 0),
        ("reply.passed_on", 2),
        ("most_letters.found", 7),
        ("most_letters.found", 0),
    ],
)
def test_a_wrong_figure_of_a_plan_fails_one_check(path: str, wrong: object):
    assert _failed(summary.of_plan, GOOD_PLAN, path, wrong) == 1


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("cases", 11),
        ("completes", 5),
        ("groups.NE", 0),
        ("dispositions", {"1.1": 4}),
        ("rates.RR1.numerator", 3),
    ],
)
def test_a_wrong_figure_of_the_rates_fails_their_check(path: str, wrong: object):
    assert _failed(lambda wave: summary.of_rates([wave]), GOOD_WAVE, path, wrong) == 1


def _failed(
    checks: Callable[[Any], dict[str, bool]], good: Mapping[str, Any], path: str, wrong: object
) -> int:
    """How many checks see that one figure is another."""
    figures = deepcopy(dict(good))
    *way, last = path.split(".")
    inside = figures
    for name in way:
        inside = inside[name]
    inside[last] = wrong
    return list(checks(figures).values()).count(False)


def test_an_autumn_as_it_must_be_passes_every_check():
    assert all(summary.of_rights(dict(GOOD)).values())


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("old_address_told", False),
        ("found_at.old_address", 1),
        ("found_at.new_address", 0),
        ("found_at.stopped_address", 1),
        ("found_at.kept_address", 0),
        ("found_at.left", 1),
        ("found_at.erased", 1),
        ("copy.own_address", False),
        ("copy.own_answers", False),
        ("corrected", 0),
        ("paused", 0),
        ("answers_kept", False),
        ("erased_at_once", False),
        ("erased_link_opens", True),
        ("old_vault.gone_open", 1),
        ("old_vault.shut", 4),
        ("old_vault.open", 0),
        ("old_vault.open_with_old_keystore", 1),
        ("request.state", "open"),
        ("request.in_time", False),
        ("second_file", {"enrolled": 2}),
        ("reconsent.to_new_address", False),
        ("reconsent.to_old_address", True),
        ("reconsent.answered", 0),
        ("reconsent.closed", False),
        ("journal.fault", "Line 3 was changed."),
        ("anchors.hold", False),
        ("anchors.noted", 0),
    ],
)
def test_a_figure_that_is_wrong_fails_one_check(path: str, wrong: object):
    assert _failed(summary.of_rights, GOOD, path, wrong) == 1
