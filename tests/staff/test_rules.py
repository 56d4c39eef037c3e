"""When a session is over: property tests of the pure rules."""

from hypothesis import given
from hypothesis import strategies as st

from panel.staff.rules import Ending, Stamp, ending, fingerprint, has_second

T0 = 1_700_000_000.0
IDLE, LONGEST = 1800.0, 43_200.0
factors = st.lists(st.tuples(st.integers(1, 99), st.sampled_from(["totp", "webauthn", "recovery_codes"])))


def over(began=T0, seen=T0, now=T0, made="1:totp", have="1:totp"):
    return ending(Stamp(began, seen, made), factors=have, now=now, idle=IDLE, longest=LONGEST)


@given(st.floats(0, LONGEST - 1), st.floats(0, IDLE - 1))
def test_a_session_in_use_goes_on(age, pause):
    seen = T0 + max(0.0, age - pause)
    assert over(seen=seen, now=T0 + age) is None


@given(st.floats(IDLE, LONGEST - 1))
def test_an_idle_session_ends(pause):
    assert over(now=T0 + pause) is Ending.IDLE


@given(st.floats(LONGEST, 10 * LONGEST), st.floats(0, IDLE))
def test_no_session_lasts_longer_than_the_longest(age, pause):
    assert over(seen=T0 + age - pause, now=T0 + age) is Ending.TOO_LONG


@given(st.floats(120, LONGEST))
def test_a_clock_set_back_ends_it(back):
    assert over(seen=T0 + LONGEST / 2, now=T0 + LONGEST / 2 - back) is Ending.TOO_LONG


@given(factors, factors)
def test_another_set_of_factors_ends_it_whatever_the_time(made, have):
    ended = over(made=fingerprint(made), have=fingerprint(have)) is Ending.FACTORS
    assert ended == (sorted(made) != sorted(have))


@given(factors)
def test_recovery_codes_alone_are_no_second_factor(given_ones):
    assert has_second(given_ones) == any(kind != "recovery_codes" for _row, kind in given_ones)
