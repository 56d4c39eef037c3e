"""Each sequence of events has exactly one AAPOR code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.waves import dispositions
from panel.waves.dispositions import CODES, LAST, RULINGS, SILENT, Group, disposition, rank
from panel.waves.models import CaseEvent

K = CaseEvent.Kind
#: Any events, any number of times, in any order.
sequences = st.lists(st.sampled_from(list(K)), max_size=30)


def code(*kinds, closed=True):
    return disposition(kinds, closed=closed).code.code


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), "2.26"),
        ((K.NOT_SENT,), "2.26"),
        ((K.PRE_NOTIFIED,), "2.20"),
        ((K.PRE_NOTIFIED, K.NOT_SENT), "2.20"),
        ((K.INVITED,), "2.20"),
        ((K.INVITED, K.REMINDED), "2.20"),
        ((K.BOUNCED,), "2.20"),
        ((K.KEPT_IN_TOUCH,), "2.20"),
        ((K.ASKED_INTERVIEW,), "2.20"),
        ((K.INVITED, K.STARTED), "2.12"),
        ((K.INVITED, K.STARTED, K.CONTINUED), "2.12"),
        ((K.INVITED, K.STARTED, K.SUFFICIENT), "1.2"),
        ((K.INVITED, K.STARTED, K.COMPLETED), "1.1"),
        ((K.INVITED, K.STARTED, K.COMPLETED, K.THANKED), "1.1"),
        ((K.INVITED, K.BOUNCED, K.COMPLETED), "1.1"),
        ((K.INVITED, K.REFUSED), "2.111"),
        ((K.INVITED, K.STARTED, K.REFUSED), "2.111"),
        ((K.INVITED, K.STARTED, K.SUFFICIENT, K.REFUSED), "1.2"),
        ((K.INVITED, K.REFUSED, K.STARTED, K.SUFFICIENT), "1.2"),
        ((K.INVITED, K.STARTED, K.SUFFICIENT, K.WITHDREW), "2.111"),
        ((K.INVITED, K.STARTED, K.COMPLETED, K.WITHDREW), "1.1"),
        ((K.INVITED, K.ELIGIBILITY_LOST), "4.90"),
        ((K.INVITED, K.UNABLE), "2.30"),
        ((K.INVITED, K.STARTED, K.LANGUAGE), "2.33"),
        ((K.INVITED, K.LANGUAGE, K.STARTED, K.SUFFICIENT), "1.2"),
        ((K.INVITED, K.DIED, K.WITHDREW), "2.31"),
        ((K.INVITED, K.COMPLETED, K.DIED), "1.1"),
    ],
)
def test_code_of_typical_cases(kinds, expected):
    assert code(*kinds) == expected


def test_each_kind_of_event_is_ruled_on_once_or_decides_nothing():
    ruled = [ruling.kind for ruling in RULINGS]
    assert sorted([*ruled, *SILENT]) == sorted(K)
    assert {ruling.code for ruling in RULINGS} | {dispositions.OTHERWISE} == set(CODES), (
        "no code without a way to it"
    )


@given(sequences, st.booleans(), st.randoms())
def test_property_any_sequence_of_events_has_one_code_of_the_table_whatever_its_order(events, closed, random):
    one = disposition(events, closed=closed)
    assert CODES[one.code.code] is one.code
    shuffled = events * 2
    random.shuffle(shuffled)
    assert disposition(shuffled, closed=closed) == one


@given(sequences, sequences)
def test_property_the_lowest_rank_of_its_events_is_the_case_s(some, more):
    """What lets the database decide in one pass over the events."""
    assert rank([*some, *more]) == min(rank(some), rank(more)) <= LAST


@given(sequences)
def test_property_a_closed_wave_has_no_interim_disposition_and_a_final_one_stays(events):
    assert disposition(events, closed=True).final
    now = disposition(events, closed=False)
    assert now.code == disposition(events, closed=True).code
    if now.final:
        later = disposition(
            [*events, K.SUFFICIENT, K.REFUSED, K.STARTED, K.REMINDED, K.BOUNCED], closed=False
        )
        assert later == now


def test_a_case_is_interim_as_long_as_it_may_still_answer():
    """Who asked for no more reminders may still answer; who left may not."""
    finals = {kind for kind in K if disposition([kind], closed=False).final}
    assert finals == {K.ELIGIBILITY_LOST, K.COMPLETED, K.WITHDREW, K.DIED}


@given(sequences)
def test_property_another_letter_never_makes_a_case_worse(events):
    """A further letter or bounce changes nothing for who was heard of."""
    heard = {ruling.kind for ruling in RULINGS if ruling.code != "2.20"}
    if not heard.isdisjoint(events):
        assert code(*events) == code(*events, K.REMINDED, K.CONTINUED, K.BOUNCED, K.INVITED, K.NOT_SENT)


@given(sequences)
def test_res_05_property_silence_and_bounces_of_members_are_eligible_non_response(events):
    """RES-05: nothing a leaver does or leaves undone makes them ineligible or of unknown eligibility."""
    group = disposition(events, closed=True).code.group
    assert group not in {Group.UNKNOWN_HOUSEHOLD, Group.UNKNOWN_OTHER}
    assert (group is Group.NOT_ELIGIBLE) == (K.ELIGIBILITY_LOST in events)


def test_tally_adds_what_erased_members_left_for_good():
    ranks = {rank(["invited"]): 3, rank(["invited", "completed"]): 2, LAST: 0}
    found = dispositions.tally(ranks, erased={"2.111": 1, "1.1": 1}, closed=False)
    assert found.by_code == {"2.20": 3, "1.1": 3, "2.111": 1}
    assert found.final == {"1.1": 3, "2.111": 1}
