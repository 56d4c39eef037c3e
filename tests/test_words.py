"""One rule for all reasons that people give."""

import pytest

from panel import words
from panel.errors import BadInput


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_blank_reason_is_refused_with_a_sentence(text):
    with pytest.raises(BadInput, match="Give a reason"):
        words.reason(text)


def test_NEV_09_a_reason_is_kept_without_blanks_addresses_and_numbers():
    assert words.reason(" Asked by mail. \n") == "Asked by mail."
    assert words.reason(" from amal@example.org, +47 98 76 54 32 ") == "from [address], [phone]"
