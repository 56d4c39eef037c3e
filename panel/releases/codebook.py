"""The codebook of a file: each variable with labels, role, what its codes mean, how far it was recoded.

Two forms of the same: JSON for machines, Markdown for people. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from panel.missing import MISSING_LABELS
from panel.releases.hierarchies import STAR
from panel.releases.variables import QUASI, Variable

ALL_COARSE = "not released: coarsened to one value for everybody"


def codebook(variables: Sequence[Variable], levels: Mapping[str, int]) -> list[dict[str, Any]]:
    """One entry a variable, in the file's order."""
    return [_entry(each, levels.get(each.name, 0)) for each in variables]


def _entry(variable: Variable, level: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": variable.name, "role": variable.role, "labels": dict(variable.labels)}
    if variable.role == QUASI and variable.hierarchy is not None:
        entry["level"] = level
        entry["levels"] = variable.hierarchy.top
    return entry | {"values": _values(variable, level), "missing": _missing()}


def _values(variable: Variable, level: int) -> dict[str, Any]:
    """What may stand in the column: codes with labels, or coarser values with the codes they stand for."""
    hierarchy = variable.hierarchy
    if level == 0 or hierarchy is None:
        return {code: dict(labels) for code, labels in variable.values.items()}
    if level == hierarchy.top:
        return {STAR: {"en": ALL_COARSE}}
    below: dict[str, list[str]] = {}
    for leaf in sorted(hierarchy.leaves):
        below.setdefault(hierarchy.at(level, leaf), []).append(_label(variable, leaf))
    return {coarse: {"en": _range(leaves)} for coarse, leaves in below.items()}


def _label(variable: Variable, code: str) -> str:
    return variable.values.get(code, {}).get("en") or code


def _range(leaves: Sequence[str]) -> str:
    """Bands of numbers by their ends, others in full."""
    return f"{leaves[0]} to {leaves[-1]}" if all(leaf.isdecimal() for leaf in leaves) else "; ".join(leaves)


def _missing() -> dict[str, str]:
    return {str(code.value): label for code, label in MISSING_LABELS.items()}


def as_json(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """The codebook for machines."""
    return (json.dumps(entries, ensure_ascii=False, indent=1) + "\n").encode()


def as_markdown(title: str, entries: Sequence[Mapping[str, Any]]) -> bytes:
    """The codebook for people, in English where there is an English label."""
    lines = [f"# {title}", ""]
    for entry in entries:
        lines += [f"## {entry['name']}", "", _english(entry["labels"]), "", f"Role: {entry['role']}."]
        if "level" in entry:
            lines.append(f"Recoded to level {entry['level']} of {entry['levels']}.")
        lines += ["", "| code | meaning |", "|---|---|"]
        lines += [f"| {code} | {_english(labels)} |" for code, labels in entry["values"].items()]
        lines += [f"| {code} | {label} |" for code, label in entry["missing"].items()]
        lines.append("")
    return "\n".join(lines).encode()


def _english(labels: Mapping[str, str]) -> str:
    """One cell of Markdown."""
    text = labels.get("en") or next(iter(labels.values()), "")
    return " ".join(text.replace("|", "\\|").split())
