"""Documents that are made from the code say what the code says, and links between documents lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = runpy.run_path(str(ROOT / "docs" / "make.py"))


@pytest.mark.parametrize("name", MAKE["DOCUMENTS"])
def test_document_is_fresh(name):
    assert (ROOT / "docs" / name).read_text() == MAKE["DOCUMENTS"][name](), "run `make docs`"


LINK = re.compile(r"\]\(([^)\s]+)\)")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def headings(page: Path) -> set[str]:
    """A page's headings as GitHub makes addresses of them."""
    lines = [line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading_that_are_there(page):
    for link in LINK.findall(page.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _hash, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not heading or heading in headings(target), f"{link}: there is no such heading"


COMMANDS = sorted(
    path.stem for path in ROOT.glob("panel/*/management/commands/*.py") if not path.stem.startswith("_")
)


def test_operations_names_every_command():
    text = (ROOT / "docs" / "operations.md").read_text().replace("-", "_")
    assert COMMANDS
    assert not [name for name in COMMANDS if not re.search(rf"`{name}\b", text)]
