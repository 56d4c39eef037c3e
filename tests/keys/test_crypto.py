"""Sealed values: they open where they were sealed and nowhere else (CRY-01, CRY-02, CRY-03)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import Damaged
from panel.keys import crypto
from panel.keys.crypto import Algorithm, Place, key_version, open_sealed, pad, seal, unpad

KEY = crypto.random_key()
HERE = Place("vault_card", "email", b"row", 1)
algorithms = st.sampled_from([Algorithm.AES_256_GCM, Algorithm.AES_256_GCM_SIV])
places = st.builds(Place, st.text(max_size=9), st.text(max_size=9), st.binary(max_size=9), st.integers(0, 9))


@given(st.binary(max_size=300), algorithms, st.integers(1, 2**32 - 1), places)
def test_cry_01_what_was_sealed_opens_at_its_place(plain, algorithm, version, place):
    sealed = seal(plain, key=KEY, place=place, version=version, algorithm=algorithm)
    assert open_sealed(sealed, key=KEY, place=place) == plain
    assert key_version(sealed, place=place) == version


def test_cry_01_the_format_stands_as_written_down():
    sealed = seal(b"", key=KEY, place=HERE, version=7, algorithm=Algorithm.AES_256_GCM_SIV)
    assert sealed[:4] == b"GJS1"
    assert sealed[4] == 2
    assert sealed[5:9] == (7).to_bytes(4, "big")
    assert len(sealed) == 9 + 12 + 64 + 16


@given(st.binary(max_size=200))
def test_cry_01_clear_text_and_unknown_magic_are_never_passed_through(data):
    with pytest.raises(Damaged):
        open_sealed(data, key=KEY, place=HERE)
    with pytest.raises(Damaged):
        open_sealed(b"GJS2" + seal(data, key=KEY, place=HERE)[4:], key=KEY, place=HERE)


@given(st.binary(max_size=100), algorithms, st.data())
def test_cry_02_any_flipped_bit_raises(plain, algorithm, data):
    """Header, nonce, ciphertext and tag alike; a changed algorithm or key version too."""
    sealed = bytearray(seal(plain, key=KEY, place=HERE, algorithm=algorithm))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        open_sealed(bytes(sealed), key=KEY, place=HERE)


@given(st.binary(max_size=100), st.data())
def test_cry_02_a_shortened_value_raises(plain, data):
    sealed = seal(plain, key=KEY, place=HERE)
    with pytest.raises(Damaged):
        open_sealed(sealed[: data.draw(st.integers(0, len(sealed) - 1))], key=KEY, place=HERE)


@given(places, places)
def test_cry_02_a_value_opens_at_no_other_place(one, other):
    if one == other:
        other = replace(one, row=one.row + b"x")
    with pytest.raises(Damaged):
        open_sealed(seal(b"amal", key=KEY, place=one), key=KEY, place=other)


@pytest.mark.parametrize(
    "moved",
    [
        replace(HERE, row=b"another row"),
        replace(HERE, column="phone"),
        replace(HERE, table="keys_datakey"),
        replace(HERE, schema=2),
        replace(HERE, table="vault_car", column="demail"),
    ],
    ids=["row swap", "column swap", "table swap", "older schema", "parts run together"],
)
def test_cry_02_a_moved_value_raises(moved):
    with pytest.raises(Damaged):
        open_sealed(seal(b"amal@example.org", key=KEY, place=HERE), key=KEY, place=moved)


def test_cry_02_another_members_key_and_an_older_version_raise():
    sealed = seal(b"amal@example.org", key=KEY, place=HERE, version=2)
    with pytest.raises(Damaged):
        open_sealed(sealed, key=crypto.random_key(), place=HERE)
    as_version_1 = sealed[:5] + (1).to_bytes(4, "big") + sealed[9:]
    with pytest.raises(Damaged):
        open_sealed(as_version_1, key=KEY, place=HERE)


@given(st.binary(max_size=500), st.integers(1, 5))
def test_cry_03_padding_fills_blocks_and_comes_off_again(plain, blocks):
    padded = pad(plain, blocks)
    assert len(padded) % 64 == 0
    assert len(padded) >= 64 * blocks
    assert unpad(padded) == plain


@given(st.binary(max_size=63), st.binary(max_size=63))
def test_cry_03_short_and_long_values_are_equally_long(one, other):
    lengths = {len(seal(plain, key=KEY, place=HERE)) for plain in (one, other)}
    assert lengths == {9 + 12 + 64 + 16}


@given(st.binary(max_size=100))
def test_sealing_twice_shows_nothing_of_equality(plain):
    assert seal(plain, key=KEY, place=HERE) != seal(plain, key=KEY, place=HERE)


def test_derived_keys_differ_by_label():
    assert len({crypto.derive(KEY, label) for label in ("token", "audit", "address-bucket")}) == 3


def test_an_error_holds_nothing_of_the_value_or_the_key():
    sealed = seal(b"amal@example.org", key=KEY, place=HERE)
    with pytest.raises(Damaged) as caught:
        open_sealed(sealed, key=crypto.random_key(), place=HERE)
    assert "amal" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
