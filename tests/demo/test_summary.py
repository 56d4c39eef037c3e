"""The example's checks of rights: each figure that is not as it must be fails one of them."""

from collections.abc import Mapping
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
    figures = deepcopy(dict(GOOD))
    *way, last = path.split(".")
    inside = figures[way[0]] if way else figures
    inside[last] = wrong
    assert list(summary.of_rights(figures).values()).count(False) == 1
