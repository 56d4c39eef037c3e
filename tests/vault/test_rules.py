"""Addresses and buckets."""

from math import sqrt
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.vault.rules import (
    ContactData,
    bits_fit,
    bucket_bits,
    is_usable_address,
    tidy_address,
    too_many_orphans,
)

AMAL = ContactData("C0DE", "amal@example.org", "Amal", "Haddad", "+4790000000")


def test_a_card_shows_its_code_only():
    assert repr(AMAL) == "ContactData(code='C0DE')"
    assert str(AMAL) == repr(AMAL)


@pytest.mark.parametrize(
    ("typed", "tidied"),
    [
        ("amal@example.org", "amal@example.org"),
        ("  AMAL@Example.ORG ", "amal@example.org"),
        ("<amal@example.org>", "amal@example.org"),
        (" < amal@example.org > ", "amal@example.org"),
        ("amal@example.org.", "amal@example.org"),
        ("<amal@example.org>.", "amal@example.org"),
        ("\u00a0amal@example.org\t", "amal@example.org"),
        ("", ""),
        ("Amal@Bücher.example.org", "amal@xn--bcher-kva.example.org"),
        ("amal@bu\u0308cher.example.org", "amal@xn--bcher-kva.example.org"),
        ("amal@xn--bcher-kva.example.org", "amal@xn--bcher-kva.example.org"),
        ("amal@straße.example.org", "amal@xn--strae-oqa.example.org"),
        ("amal@привіт.example。org。", "amal@xn--b1aluem3j.example.org"),
        ("jo\u0308rg@example.org", "j\u00f6rg@example.org"),
        ("amal@ü..example.org", "amal@ü..example.org"),
        (f"amal@{'ü' * 300}.org", f"amal@{'ü' * 300}.org"),
    ],
)
def test_tidying_an_address(typed, tidied):
    assert tidy_address(typed) == tidied


@given(st.text(max_size=40) | st.builds("{}@{}".format, st.text(max_size=9), st.text(max_size=30)))
def test_tidying_twice_changes_nothing_more(text):
    assert tidy_address(tidy_address(text)) == tidy_address(text)


@pytest.mark.parametrize("signs", [".", " ", "<", "\u0301\u0323", "ü", "ü."])
@pytest.mark.parametrize("before", ["a", "a@"])
def test_a_megabyte_of_signs_is_tidied_at_once(before, signs):
    """The page for lost links is open to everybody: no typed text may keep a process busy."""
    began = process_time()
    assert tidy_address(f"{before}{signs * 500_000}b") == f"{before}{signs * 500_000}b"
    assert process_time() - began < 2


@pytest.mark.parametrize(
    "address", ["amal@example.org", "a.b+c@mail.example.com", "x@xn--bcher-kva.example.org"]
)
def test_usable_addresses(address):
    assert is_usable_address(address)


@pytest.mark.parametrize(
    "address",
    ["", "amal", "amal at example.org", "amal@", "@example.org", "amal@localhost", "a b@example.org",
     "amal@example..org", "amal@@example.org", "amal@example.org\nBcc: x@example.org", "амал@example.org"],
)  # fmt: skip
def test_unusable_addresses(address):
    assert not is_usable_address(address)


@given(st.integers(8, 2_000_000))
def test_cry_08_buckets_are_neither_empty_nor_telling(n):
    """2 <= n / 2**bits < sqrt(n), with the fewest bits that do."""
    bits = bucket_bits(n)
    assert 2 <= n / 2**bits < sqrt(n)
    assert not n / 2 ** (bits - 1) < sqrt(n)


@pytest.mark.parametrize("n", range(8))
def test_cry_08_a_few_cards_share_one_bucket(n):
    assert bucket_bits(n) == 0
    assert bits_fit(n, 0)
    assert not bits_fit(n, 1)


@given(st.integers(8, 2_000_000), st.integers(0, 24))
def test_cry_08_bits_fit_says_the_same(n, bits):
    assert bits_fit(n, bits) == (2 <= n / 2**bits < sqrt(n))


@pytest.mark.parametrize(
    ("orphans", "total", "too_many"),
    [(0, 0, False), (20, 20, False), (21, 21, True), (21, 420, False), (21, 419, True), (900, 1000, True)],
)
def test_how_many_orphans_are_more_than_a_crash_leaves(orphans, total, too_many):
    assert too_many_orphans(orphans, total) == too_many
