"""What a file of one wave may hold: its variables, read from the form and the study's declaration. Pure.

The form says what each question is to disclosure control, the recruitment mapping says it of the wave-0 items
("class", "rare", "labels"), `Study.disclosure` has the rest:

    {"k": 6, "suppress": 0.05,               stricter than the defaults only
     "weights": {"birth_year": 4},           whose loss counts more when levels are chosen (1)
     "background": ["sex", "birth_year"],    wave-0 items that stand in the files of later waves (as w0_…)
     "hierarchies": {"sex": ["*"], "birth_year": [["1923-1962", "1963-2004"], "*"], "work": [{…}, "*"]}}

A hierarchy has the name the form gives (gj_hierarchy) or that of the wave-0 item. No free text, no id, no
month and nothing marked for tables only becomes a variable (SDC-07).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput
from panel.instruments.coding import CHOSEN, Column, columns
from panel.instruments.questionnaire import Kind, Questionnaire, Texts
from panel.releases.disclosure import Thresholds
from panel.releases.hierarchies import Hierarchy

QUASI, SENSITIVE, RELEASABLE = "quasi", "sensitive", "releasable"
BACKGROUND = "w0_"
"""Before the names of wave-0 items in the files of later waves."""


@dataclass(frozen=True)
class Variable:
    """One column of a file."""

    name: str
    role: str
    labels: Texts
    values: Mapping[str, Texts] = field(default_factory=dict)
    hierarchy: Hierarchy | None = None
    guard: frozenset[str] | None = None


def thresholds(declaration: Mapping[str, Any]) -> Thresholds:
    """The study's own, where they are stricter than the defaults; a laxer one is refused."""
    strict = Thresholds()
    given = Thresholds(
        k=int(declaration.get("k", strict.k)), suppress=float(declaration.get("suppress", strict.suppress))
    )
    if given.k < strict.k or not 0 <= given.suppress <= strict.suppress:
        raise BadInput(
            _("The study's thresholds are laxer than k = %(k)s and %(share)s of the records left out.")
            % {"k": strict.k, "share": f"{strict.suppress:.0%}"}
        )
    return given


def of_form(form: Questionnaire, declaration: Mapping[str, Any]) -> list[Variable]:
    """The variables a wave's own questions give."""
    return [_of_column(form, column, declaration) for column in columns(form) if _may_leave(column)]


def _may_leave(column: Column) -> bool:
    item = column.item
    if item.tables_only or item.klass not in (QUASI, SENSITIVE, RELEASABLE):
        return False
    return item.kind in (Kind.SELECT_ONE, Kind.SELECT_MULTIPLE) or item.klass == QUASI


def _of_column(form: Questionnaire, column: Column, declaration: Mapping[str, Any]) -> Variable:
    item, labels = column.item, column.labels(form)
    if column.option:
        options = {str(CHOSEN): {"en": "chosen"}, "0": {"en": "not chosen"}}
        texts = {
            language: f"{text}: {labels[column.option].get(language, '')}"
            for language, text in item.labels.items()
        }
        guarded = {str(CHOSEN)} if not item.rare or column.option in item.rare else set()
        return Variable(column.name, item.klass, texts, options, guard=frozenset(guarded))
    return Variable(
        column.name,
        item.klass,
        item.labels,
        labels,
        hierarchy=_hierarchy(column.name, item.hierarchy, declaration) if item.klass == QUASI else None,
        guard=frozenset(item.rare) or None,
    )


def of_recruitment(recruitment: Mapping[str, Any], declaration: Mapping[str, Any]) -> list[Variable]:
    """The variables of wave 0: the items of the recruitment mapping that may leave."""
    items: Mapping[str, Mapping[str, Any]] = recruitment.get("items", {})
    return [
        _of_item(name, item, declaration)
        for name, item in items.items()
        if item.get("class") in (QUASI, SENSITIVE, RELEASABLE)
    ]


def _of_item(
    name: str, item: Mapping[str, Any], declaration: Mapping[str, Any], prefix: str = ""
) -> Variable:
    codes: Mapping[str, Mapping[str, Any]] = item.get("codes", {})
    return Variable(
        prefix + name,
        item["class"],
        item.get("labels") or {"en": name},
        {code: value.get("labels", {}) for code, value in codes.items()},
        hierarchy=_hierarchy(prefix + name, name, declaration) if item["class"] == QUASI else None,
        guard=frozenset(item.get("rare", ())) or None,
    )


def background(recruitment: Mapping[str, Any], declaration: Mapping[str, Any]) -> dict[str, Variable]:
    """Wave-0 items that stand in later files, by item: quasi-identifiers, whatever they are in wave 0."""
    items: Mapping[str, Mapping[str, Any]] = recruitment.get("items", {})
    wanted: list[str] = declaration.get("background", [])
    unknown = [name for name in wanted if name not in items]
    if unknown:
        raise BadInput(_("The recruitment mapping has no item %(names)s.") % {"names": ", ".join(unknown)})
    return {name: _of_item(name, {**items[name], "class": QUASI}, declaration, BACKGROUND) for name in wanted}


def _hierarchy(name: str, named: str, declaration: Mapping[str, Any]) -> Hierarchy:
    declared = declaration.get("hierarchies", {}).get(named)
    if declared is None:
        raise BadInput(
            _("“%(name)s” is a quasi-identifier without levels: declare the hierarchy “%(hierarchy)s”.")
            % {"name": name, "hierarchy": named}
        )
    return Hierarchy.declared(name, declared, float(declaration.get("weights", {}).get(named, 1.0)))
