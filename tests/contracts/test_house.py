"""The house rules that no linter has: layers, module docstrings, services that enqueue nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    p
    for top in ("config", "panel", "consent")
    for p in (ROOT / top).rglob("*.py")
    if "migrations" not in p.parts
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_layers_are_kept():
    script = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_what_lives_in_it(path):
    text = path.read_text()
    assert not text or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_and_a_function_are_short_enough_to_be_read_at_once(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 45] == []


@pytest.mark.parametrize("path", [p for p in FILES if "tasks" not in p.name], ids=name)
def test_only_the_clock_and_the_border_know_tasks(path):
    """`*.services` never imports `*.tasks`: what a broker loses, the sweep finds in the database."""
    if path.name.startswith(("services", "rules", "selectors", "models")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").endswith("tasks"), path
                assert "tasks" not in {a.name for a in node.names}, path


@pytest.mark.parametrize("path", [p for p in FILES if p.name.endswith("rules.py")], ids=name)
def test_rules_touch_neither_settings_nor_clock(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"django.conf", "panel.clock", "panel", "django.db"} or (
                node.module == "panel" and "clock" not in {a.name for a in node.names}
            ), path


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_the_border_reads_the_clock(path):
    text = path.read_text()
    if path.name.startswith(("services", "rules", "selectors", "models")):
        assert "clock" not in text or "import clock" not in text, path
        assert "timezone.now()" not in text, path


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_moment_is_on_its_day_in_norway(path):
    """`now.date()` is the day in UTC: for up to two hours after midnight it names yesterday."""
    assert not re.search(r"\bnow(\(\))?\.date\(\)", path.read_text()), path
