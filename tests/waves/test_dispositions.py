"""Each set of events has exactly one AAPOR code."""

from itertools import chain, combinations

import pytest

from panel.waves import dispositions
from panel.waves.dispositions import CODES, Group, disposition
from panel.waves.models import CaseEvent

K = CaseEvent.Kind
EVERY_SET = [set(s) for s in chain.from_iterable(combinations(list(K), n) for n in range(len(K) + 1))]


def code(*kinds, closed=True):
    return disposition(kinds, closed=closed).code.code


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), "2.26"),
        ((K.NOT_SENT,), "2.26"),
        ((K.INVITED,), "2.20"),
        ((K.INVITED, K.REMINDED), "2.20"),
        ((K.BOUNCED,), "2.20"),
        ((K.INVITED, K.STARTED), "2.12"),
        ((K.INVITED, K.STARTED, K.SUFFICIENT), "1.2"),
        ((K.INVITED, K.STARTED, K.COMPLETED), "1.1"),
        ((K.INVITED, K.BOUNCED, K.COMPLETED), "1.1"),
        ((K.INVITED, K.REFUSED), "2.111"),
        ((K.INVITED, K.STARTED, K.SUFFICIENT, K.WITHDREW), "2.111"),
        ((K.INVITED, K.STARTED, K.COMPLETED, K.WITHDREW), "1.1"),
        ((K.INVITED, K.ELIGIBILITY_LOST), "4.90"),
    ],
)
def test_code_of_typical_cases(kinds, expected):
    assert code(*kinds) == expected


def test_property_every_set_of_events_has_one_code_of_the_table_whatever_its_order():
    """All sets there are, not a sample: one code each, the same for any order and for repeated events."""
    for kinds in EVERY_SET:
        for closed in (True, False):
            one = disposition(kinds, closed=closed)
            assert CODES[one.code.code] is one.code
            assert disposition(sorted(kinds, reverse=True) * 2, closed=closed) == one


def test_property_a_case_is_final_once_its_wave_is_closed_and_a_complete_at_once():
    for kinds in EVERY_SET:
        assert disposition(kinds, closed=True).final
        assert disposition(kinds, closed=False).final == (code(*kinds) in {"1.1", "2.111", "4.90"})


def test_property_another_contact_never_makes_a_case_worse():
    """A further letter or bounce changes nothing for who answered or refused."""
    for kinds in EVERY_SET:
        if not kinds.isdisjoint({K.STARTED, K.COMPLETED, K.REFUSED, K.WITHDREW, K.ELIGIBILITY_LOST}):
            assert code(*kinds) == code(*kinds, K.REMINDED, K.BOUNCED, K.INVITED)


def test_res_05_silence_and_bounces_of_members_are_eligible_non_response():
    """RES-05: nothing a leaver does or leaves undone makes them ineligible or of unknown eligibility."""
    for kinds in EVERY_SET:
        group = disposition(kinds, closed=True).code.group
        assert group not in {Group.UNKNOWN_HOUSEHOLD, Group.UNKNOWN_OTHER}
        assert (group is Group.NOT_ELIGIBLE) == (K.ELIGIBILITY_LOST in kinds)


def test_tally_adds_what_erased_members_left():
    sets = {frozenset({"invited"}): 3, frozenset({"invited", "completed"}): 2}
    assert dispositions.tally(sets, erased={"2.111": 1, "1.1": 1}, closed=True) == {
        "2.20": 3,
        "1.1": 3,
        "2.111": 1,
    }
