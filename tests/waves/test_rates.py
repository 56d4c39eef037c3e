"""The formulas against the vector of the rules, and at their edges."""

import pytest

from panel.waves.rates import Counts, cumulative, grouped, rates

VECTOR = Counts(I=4, P=2, R=1, NC=1, O=1, UH=1, UO=1, NE=1)
EXPECTED = {
    "e": 0.9,
    "RR1": 0.3636, "RR2": 0.5455, "RR3": 0.3704, "RR4": 0.5556, "RR5": 0.4444, "RR6": 0.6667,
    "COOP1": 0.5, "COOP2": 0.75, "COOP3": 0.5714, "COOP4": 0.8571,
    "REF1": 0.0909, "REF2": 0.0926, "REF3": 0.1111,
    "CON1": 0.7273, "CON2": 0.7407, "CON3": 0.8889,
}  # fmt: skip


def test_the_vector_gives_each_rate_to_four_digits():
    assert {name: round(rate or 0, 4) for name, rate in rates(VECTOR).items()} == EXPECTED


def test_a_rate_without_a_base_is_none_not_zero():
    assert set(rates(Counts()).values()) == {None}
    assert rates(Counts(NC=5))["COOP1"] is None
    assert rates(Counts(NC=5))["RR1"] == 0


def test_without_unknown_eligibility_the_pairs_agree():
    found = rates(Counts(I=10, P=3, R=2, NC=5))
    assert found["RR1"] == found["RR3"] == found["RR5"] == 0.5
    assert found["e"] == 1


def test_codes_are_grouped():
    assert grouped({"1.1": 4, "1.2": 2, "2.111": 1, "2.12": 2, "2.20": 3, "2.26": 1, "4.90": 1}) == Counts(
        I=4, P=2, R=3, NC=4, NE=1
    )


def test_cumulative_rate_over_stages():
    assert cumulative((1000, 3000), (900, 1000), (200, 350)) == pytest.approx(0.1714, abs=5e-5)
    assert cumulative((1, 0)) is None
