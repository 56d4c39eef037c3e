"""Every refusal is its status with its sentence; what is none is left to be a 500."""

import pytest

from consent.errors import ConsentError
from panel.api.errors import handler
from panel.errors import BadInput, Damaged, NotAllowed, NotFound, NotNow, Unreachable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("Say more."), 400),
        (ConsentError("Say more."), 400),
        (NotAllowed("Say more."), 403),
        (NotFound("Say more."), 404),
        (NotNow("Say more."), 409),
        (Unreachable("Say more."), 503),
    ],
)
def test_a_refusal_is_its_status_with_its_sentence(error, status):
    answer = handler(error, {})
    assert answer is not None
    assert (answer.status_code, answer.data) == (status, {"detail": "Say more."})


@pytest.mark.parametrize("error", [Damaged("x"), ValueError("x")])
def test_what_is_no_refusal_is_no_answer(error):
    assert handler(error, {}) is None
