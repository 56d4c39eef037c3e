"""CRY-12: the search finds a word in whatever dress it hides, and cries at nothing else."""

import base64
import json
import quopri
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.demo import canary

ADDRESS, NAME, PHONE = "zvirka.kanarka7@post.example.org", "Звірка", "+4790402864"
WORDS = {ADDRESS, NAME, *canary.digits(PHONE)}


@pytest.mark.parametrize(
    "dress",
    [
        lambda t: t.encode(),
        lambda t: json.dumps({"to": t}).encode(),
        lambda t: quote(t).encode(),
        lambda t: quopri.encodestring(t.encode()),
        lambda t: t.encode("utf-16-le"),
        lambda t: base64.b64encode(f"To: {t};".encode()),
        lambda t: base64.urlsafe_b64encode(f"xTo: {t};".encode()),
        lambda t: b"\x00\x01row" + b" " + t.encode() + b"\xff\xfe",
    ],
    ids=["utf-8", "json escapes", "percent", "quoted-printable", "utf-16", "base64", "url base64", "binary"],
)
@pytest.mark.parametrize("word", [ADDRESS, NAME, PHONE])
def test_cry_12_a_canary_is_found_in_every_dress(word, dress):
    assert word in canary.found(dress(word), WORDS)


def test_cry_12_an_address_that_touches_its_neighbours_is_found():
    assert canary.found(b"uk" + ADDRESS.encode() + b"active", WORDS) == {ADDRESS}


def test_cry_12_the_country_code_may_be_left_out():
    assert "90402864" in canary.found(b'{"phone": "90402864"}', WORDS)


@pytest.mark.parametrize("written", ["904 02 864", "+47 904 02 864", "+47 90\u00a040\u00a028\u00a064"])
def test_cry_12_a_number_is_found_however_it_is_grouped(written):
    assert canary.found(f"ring {written} etter fem".encode(), WORDS)


@pytest.mark.parametrize("text", ["a045850262f", "45850262-1c2d-4e5f-8a9b-000000000000", "145850262"])
def test_a_number_within_a_hash_or_an_id_is_nobodys(text):
    """Among thousands of them some hold anybody's number by chance."""
    assert not canary.found(text.encode(), {"45850262"})


def test_a_name_inside_another_word_is_another_word():
    assert not canary.found("Звіркани перевірка".encode(), WORDS)


@given(st.binary(max_size=400))
def test_noise_is_no_canary_and_no_error(noise):
    assert canary.found(noise, WORDS) <= WORDS
