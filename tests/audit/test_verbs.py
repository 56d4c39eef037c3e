"""AUD-01: one list of everything that is recorded; code and list can't drift apart, and no writer forgets its row."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from panel.audit.rules import VERB
from panel.audit.verbs import GROUPS
from panel.releases.models import Release

ROOT = Path(__file__).resolve().parents[2]
LISTED = {verb for group in GROUPS.values() for verb in group.verbs}
#: Kept words that only look like verbs: names of files, modules and fields.
NO_VERB = re.compile(r".*\.(json|xlsx|csv|txt|html|po|key)|panel\..*|study\.(slug|key)")
TELLS = re.compile(r"panel\.audit|import services as audit")
#: `release.<state>` is made from the state a review leads to.
MADE = {f"release.{state}" for state in Release.State.values}


def sources():
    for path in sorted((ROOT / "panel").rglob("*.py")):
        ours = path.parent.name not in {"demo", "migrations"} and path.name != "verbs.py"
        if ours and TELLS.search(path.read_text()):
            yield path


def recorded(path):
    """The words of a module that have the form of a verb."""
    words = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
    found = {word for word in words if isinstance(word, str) and VERB.fullmatch(word)}
    return {word for word in found if not NO_VERB.fullmatch(word)}


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_module_records_is_listed(path):
    assert recorded(path) <= LISTED, "add it to panel/audit/verbs.py and run `make docs`"


def test_what_is_listed_is_recorded_somewhere():
    used = set().union(*map(recorded, sources())) | MADE
    assert used >= LISTED


def test_each_verb_stands_in_one_group_with_a_sentence():
    assert len(LISTED) == sum(len(group.verbs) for group in GROUPS.values())
    for group in GROUPS.values():
        assert all(VERB.fullmatch(verb) and text.endswith(".") for verb, text in group.verbs.items())


# --- whoever changes something in somebody's name writes its row

WRITES = {
    "create",
    "save",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}
RECORDS = {"panel.audit.services.record", "panel.audit.services.record_each"}
#: Public functions that change something in somebody's name without a row of their own, and why.
EXCUSED = {
    "panel.rights.requests.note": "adds to a request's history, which is shown with the request",
}


def functions():
    """Full name -> (arguments, what it calls, whether it writes a table itself), of all functions of ours."""
    found: dict[str, Any] = {}
    for path in sorted((ROOT / "panel").rglob("*.py")):
        if not {"migrations", "demo", "management"} & set(path.parts):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found |= _functions_of(module, ast.parse(path.read_text()))
    return found


def _functions_of(module, tree):
    imports = [
        n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("panel")
    ]
    names = {a.asname or a.name: f"{n.module}.{a.name}" for n in imports for a in n.names}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            called = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
            calls = {names.get(f.id, f"{module}.{f.id}") for f in called if isinstance(f, ast.Name)}
            methods = [f for f in called if isinstance(f, ast.Attribute)]
            calls |= {
                f"{names[f.value.id]}.{f.attr}"
                for f in methods
                if isinstance(f.value, ast.Name) and f.value.id in names
            }
            given = {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
            found[f"{module}.{node.name}"] = given, calls, any(f.attr in WRITES for f in methods)
    return found


FUNCTIONS = functions()


def leads_to(name, fits, seen=None):
    """Whether a function, or one it calls, is of this kind."""
    seen = set() if seen is None else seen
    if name in seen or name not in FUNCTIONS:
        return name in RECORDS and fits(name)
    seen.add(name)
    return fits(name) or any(leads_to(one, fits, seen) for one in FUNCTIONS[name][1])


#: Done in somebody's name (`by`) at a moment (`now`): the form of every act of the product.
ACTS = sorted(
    name
    for name, (given, _calls, _writes) in FUNCTIONS.items()
    if {"by", "now"} <= given
    and not name.rpartition(".")[2].startswith("_")
    and leads_to(name, lambda one: one in FUNCTIONS and FUNCTIONS[one][2])
)


def test_the_walk_finds_the_acts_of_the_product():
    """So that the test below can't pass by finding nothing."""
    known = {
        "panel.members.services.assign_role", "panel.rights.services.ask_stop",
        "panel.staff.services.add", "panel.enrolment.services.open_card", "panel.vault.keyring.rotate",
    }  # fmt: skip
    assert known <= set(FUNCTIONS)
    assert {"panel.members.services.assign_role", "panel.rights.services.ask_stop"} <= set(ACTS)
    assert len(ACTS) > 60


@pytest.mark.parametrize("name", ACTS)
def test_who_acts_leaves_a_row(name):
    assert leads_to(name, lambda one: one in RECORDS) or name in EXCUSED, f"{name} records nothing"


def test_what_is_excused_exists_and_still_needs_it():
    for name in EXCUSED:
        assert name in ACTS
        assert not leads_to(name, lambda one: one in RECORDS)
