"""Pure decisions of instruments: numbers masked in free text, and which step a version may take.

What a respondent is asked stands in routing.py, what may be answered in checking.py.
"""

import re
from collections.abc import Mapping

from panel.instruments.models import InstrumentVersion

Status = InstrumentVersion.Status

MASK = "•••"

#: An approved version is frozen, since answers point at it; there is no way back to a draft.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.APPROVED}),
    Status.APPROVED: frozenset({Status.RETIRED}),
    Status.RETIRED: frozenset(),
}

# Written in one go or in groups, as people do: 010190 12345, 2022 123456 01.
_GAP = r"[\s.\-–/]?"
_WIDE_GAP = r"[\s.\-–—/]{0,3}"
_DUF = re.compile(rf"(?<!\d)(?:\d{_GAP}){{11}}\d(?!\d)")
# Their check digits tell them from other numbers, so wider gaps do no harm: 010190 - 12345.
_ELEVEN = re.compile(rf"(?<!\d)(?:\d{_WIDE_GAP}){{10}}\d(?!\d)")
_WEIGHTS = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))


def may_become(status: str, wanted: str) -> bool:
    """Whether a version may take this step."""
    return wanted in TRANSITIONS[Status(status)]


def is_national_number(digits: str) -> bool:
    """Whether eleven digits are a fødselsnummer or D-number: both check digits hold, modulo 11."""
    numbers = [int(digit) for digit in digits]
    return len(numbers) == 11 and all(
        sum(weight * number for weight, number in zip(weights, numbers, strict=False)) % 11 == 0
        for weights in _WEIGHTS
    )


def mask_numbers(text: str) -> tuple[str, bool]:
    """The text without fødselsnummer and DUF numbers (twelve digits), and whether there was one (NEV-04)."""
    masked = _ELEVEN.sub(_mask_national, _DUF.sub(MASK, text))
    return masked, masked != text


def _mask_national(found: re.Match[str]) -> str:
    digits = "".join(character for character in found[0] if character.isdigit())
    return MASK if is_national_number(digits) else found[0]
