"""Rows in, files out: product B (microdata of one wave) and product A (the table of reasons). Pure.

Everything that leaves is made here, or refused here; reading and keeping are `extracts.py` and `services.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.errors import NotNow
from panel.releases import codebook, manifest
from panel.releases.disclosure import Row, Sensitive, Thresholds, column, judge
from panel.releases.formats import write_csv, write_parquet
from panel.releases.intervals import Group
from panel.releases.recoding import Recoded, anonymise
from panel.releases.tables import Leaver, Line, Option, reasons_table
from panel.releases.variables import QUASI, SENSITIVE, Variable

HIDDEN = ":"
"""The usual sign of statistical offices for "not shown"."""


@dataclass(frozen=True)
class About:
    """Which release this is."""

    study: str
    wave: str
    day: date


@dataclass(frozen=True)
class Made:
    """The files of a release by name, the manifest's among them, and what that says."""

    files: dict[str, bytes]
    manifest: dict[str, Any]


def microdata(about: About, variables: Sequence[Variable], rows: Sequence[Row], limits: Thresholds) -> Made:
    """Product B. Rows stand in the order of their content: that of arrival would be a key of its own."""
    hierarchies = [each.hierarchy for each in variables if each.hierarchy is not None]
    if not hierarchies:
        raise NotNow(_("Not released: the study declares no quasi-identifier for this wave."))
    sensitive = [
        Sensitive.of(each.name, column(rows, each.name), limits, each.guard)
        for each in variables
        if each.role == SENSITIVE
    ]
    recoded = anonymise(rows, hierarchies, sensitive, limits)
    names = [each.name for each in variables]
    ordered = sorted(recoded.rows, key=lambda row: [row[name] for name in names])
    entries = codebook.codebook(variables, recoded.levels)
    labels = {
        each.name: each.labels.get("en") or next(iter(each.labels.values()), each.name) for each in variables
    }
    stem = f"wave-{about.wave}-microdata"
    files = {
        f"{stem}.csv": write_csv(names, ordered),
        f"{stem}.parquet": write_parquet(names, ordered, labels),
        f"{stem}-codebook.json": codebook.as_json(entries),
        f"{stem}-codebook.md": codebook.as_markdown(f"Codebook: wave {about.wave}", entries),
    }
    done = _done_to_microdata(recoded, variables, len(rows), limits)
    return _made(about, "B", "anonymised microdata of one wave", done, files, f"{stem}-manifest.json")


def _done_to_microdata(
    recoded: Recoded, variables: Sequence[Variable], rows_in: int, limits: Thresholds
) -> dict[str, Any]:
    quasi = [each.name for each in variables if each.role == QUASI]
    tops = {each.name: each.hierarchy.top for each in variables if each.hierarchy is not None}
    return {
        "rows": len(recoded.rows),
        "rows_before": rows_in,
        "suppressed": recoded.suppressed,
        "k": judge(recoded.rows, quasi, limits.k)["k"],
        "thresholds": asdict(limits),
        "quasi_identifiers": {
            name: {"level": level, "of": tops[name]} for name, level in recoded.levels.items()
        },
        "sensitive": [each.name for each in variables if each.role == SENSITIVE],
        "loss": round(recoded.loss, 4),
        "loss_measure": "non-uniform entropy (Gionis & Tassa 2009), weighted mean over quasi-identifiers",
    }


def reasons(about: About, options: Sequence[Option], leavers: Sequence[Leaver], k: int) -> Made:
    """Product A: one table, strict."""
    table = reasons_table(leavers, options, k)
    names = ["kind", "code", "label", "asked_of", "base", "count", "percent"]
    stem = f"wave-{about.wave}-reasons"
    files = {f"{stem}.csv": write_csv(names, [_cells(line) for line in table.lines])}
    done = {
        "rows": len(table.lines),
        "suppressed": table.hidden,
        "k": k,
        "rules": "SDC-05 strict: every cell; SDC-06; complementary suppression, intervals of at least k",
        "bases": {
            line.code: HIDDEN if line.base is None else line.base
            for line in table.lines
            if line.kind == "base"
        },
        "hidden_sign": HIDDEN,
        "asked_of": {group.value: "who was offered the option" for group in Group},
    }
    return _made(about, "A", "table of reasons for leaving", done, files, f"{stem}-manifest.json")


def _cells(line: Line) -> dict[str, str]:
    def shown(number: int | None) -> str:
        return HIDDEN if number is None else str(number)

    return {
        "kind": line.kind,
        "code": line.code,
        "label": line.label,
        "asked_of": line.asked_of.value,
        "base": shown(line.base),
        "count": shown(line.count),
        "percent": shown(line.percent) if line.kind != "base" else "",
    }


def _made(
    about: About, product: str, kind: str, done: Mapping[str, Any], files: dict[str, bytes], name: str
) -> Made:
    named = {"study": about.study, "wave": about.wave, "product": product, "kind": kind}
    content = manifest.manifest(about=named, done=done, files=files, day=about.day)
    return Made({**files, name: manifest.as_bytes(content)}, content)
