"""The formulas against the vectors of the rules, and at their edges."""

import pytest

from panel.waves.rates import (
    Counts,
    Evenness,
    Rate,
    cumulative,
    eligibility,
    evenness,
    grouped,
    rates,
    rates_of,
)

VECTOR = Counts(I=4, P=2, R=1, NC=1, O=1, UH=1, UO=1, NE=1)
EXPECTED = {
    "RR1": (0.3636, 4, 11), "RR2": (0.5455, 6, 11),
    "RR3": (0.3704, 4, 10.8), "RR4": (0.5556, 6, 10.8),
    "RR5": (0.4444, 4, 9), "RR6": (0.6667, 6, 9),
    "COOP1": (0.5, 4, 8), "COOP2": (0.75, 6, 8), "COOP3": (0.5714, 4, 7), "COOP4": (0.8571, 6, 7),
    "REF1": (0.0909, 1, 11), "REF2": (0.0926, 1, 10.8), "REF3": (0.1111, 1, 9),
    "CON1": (0.7273, 8, 11), "CON2": (0.7407, 8, 10.8), "CON3": (0.8889, 8, 9),
}  # fmt: skip


def test_the_vector_gives_each_rate_to_four_digits_with_numerator_and_denominator():
    found = rates(VECTOR)
    assert {name: (round(rate.value or 0, 4), rate.numerator) for name, rate in found.items()} == {
        name: (value, over) for name, (value, over, _under) in EXPECTED.items()
    }
    assert {name: rate.denominator for name, rate in found.items()} == pytest.approx(
        {name: under for name, (_value, _over, under) in EXPECTED.items()}
    )
    assert eligibility(VECTOR).as_json() == {"value": 0.9, "numerator": 9, "denominator": 10}


def test_a_rate_without_a_base_is_none_not_zero():
    assert {rate.value for rate in rates(Counts()).values()} == {None}
    assert eligibility(Counts()).value is None
    assert rates(Counts(NC=5))["COOP1"].value is None
    assert rates(Counts(NC=5))["RR1"].value == 0


def test_without_unknown_eligibility_the_pairs_agree():
    found = rates(Counts(I=10, P=3, R=2, NC=5, NE=7))
    assert found["RR1"] == found["RR3"] == found["RR5"] == Rate(10, 20)


def test_codes_are_grouped():
    assert grouped({"1.1": 4, "1.2": 2, "2.111": 1, "2.12": 2, "2.20": 3, "2.26": 1, "4.90": 1}) == Counts(
        I=4, P=2, R=3, NC=4, NE=1
    )


def test_a_rate_whose_numbers_may_not_be_told_is_not_told():
    told = {frozenset("I"): 4, frozenset({"I", "P", "R", "NC", "O"}): 20, frozenset({"UH", "UO"}): 0}
    found = rates_of(lambda letters: told.get(frozenset(letters)), e=0.9)
    assert [name for name, rate in found.items() if rate] == ["RR3", "RR5"]


def test_r_indicator_of_50_who_answer_at_80_percent_and_50_at_40():
    found = evenness([Rate(40, 50), Rate(20, 50)])
    assert (round(found.r, 3), round(found.cv, 3)) == (0.598, 0.335)
    assert evenness([Rate(20, 40), Rate(30, 60)]) == Evenness(r=1, cv=0)
    assert evenness([Rate(20, 40)]) is None
    assert evenness([Rate(0, 40), Rate(0, 20)]) is None
    assert evenness([]) is None


def test_cumulative_rate_over_stages():
    stages = Rate(1000, 3000), Rate(900, 1000), Rate(200, 350)
    assert cumulative(*stages) == pytest.approx(0.1714, abs=5e-5)
    assert cumulative(*stages, Rate(300, 600)) == pytest.approx(0.0857, abs=5e-5)
    assert cumulative(Rate(1, 0), *stages) is None
