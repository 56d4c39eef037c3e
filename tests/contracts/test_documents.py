"""Documents that are made from the code say what the code says."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = runpy.run_path(str(ROOT / "docs" / "make.py"))


@pytest.mark.parametrize("name", MAKE["DOCUMENTS"])
def test_document_is_fresh(name):
    assert (ROOT / "docs" / name).read_text() == MAKE["DOCUMENTS"][name](), "run `make docs`"
