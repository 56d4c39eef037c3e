"""The example's questionnaire, compiled once for all tests of this folder."""

import pytest

from panel.instruments.xlsform import compile_form
from tests.instruments.forms import EXITNORWAY


@pytest.fixture(scope="session")
def exitnorway():
    return compile_form(EXITNORWAY.read_bytes())
