"""The expressions of a form: XPath 1.0 with the functions and conversions that ODK's XForms give it.

The engine is elementpath; here stand only what ODK adds (https://getodk.github.io/xforms-spec/#xpath-functions)
and how ODK compares: text that looks like a number or a date counts as one, an empty answer as not-a-number.
Left out on purpose: what depends on chance, place or device. Which items a form has is not known here.
"""

import math
import re
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from itertools import product
from typing import Any, cast
from xml.etree.ElementTree import Element, SubElement

from elementpath import ElementPathError, XPathContext, get_node_tree
from elementpath.datatypes import UntypedAtomic
from elementpath.xpath1 import XPath1Parser
from elementpath.xpath_nodes import XPathNode

ROOT = "data"
_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:T.*)?\Z", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


class ExpressionError(Exception):
    """An expression that can't be run; the text says why, in the words of the engine."""


class XFormsParser(XPath1Parser):
    """XPath 1.0 as ODK runs it. Functions and operators are registered below."""


def text_of(value: Any) -> str:
    """XPath's string(), as ODK prints numbers: whole ones without a point."""
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    if isinstance(value, XPathNode):
        return str(value.string_value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return str(int(value)) if value.is_integer() else repr(value)
    return "" if value is None else str(value)


def days_of(text: str) -> float:
    """Days since 1970 of a date or a month, as ODK compares dates; not-a-number for anything else."""
    match = _DATE.match(text)
    if not match:
        return math.nan
    try:
        return float(date(int(match[1]), int(match[2]), int(match[3] or 1)).toordinal() - _EPOCH)
    except ValueError:
        return math.nan


def number_of(value: Any) -> float:
    """ODK's number(): XPath's, and days since 1970 for dates."""
    if isinstance(value, bool | int | float):
        return float(value)
    text = text_of(value).strip()
    try:
        return float(text)
    except ValueError:
        return days_of(text)


def truth_of(value: Any) -> bool:
    """XPath's boolean(); a list is a set of nodes and true unless empty."""
    if isinstance(value, list):
        return bool(value)
    if isinstance(value, float):
        return not (math.isnan(value) or value == 0)
    return bool(value)


# --- comparison: XPath 1.0 § 3.4, with ODK's number()


def _values(token: Any, context: Any) -> list[Any]:
    """What a side of a comparison stands for: the text of each node, or the one value."""
    result = token.evaluate(context)
    if isinstance(result, list):
        return [text_of(one) if isinstance(one, XPathNode) else one for one in result]
    return [str(result) if isinstance(result, UntypedAtomic) else result]


def _compare(symbol: str, left: Any, right: Any) -> bool:
    if symbol in ("=", "!="):
        if isinstance(left, bool) or isinstance(right, bool):
            same = truth_of(left) == truth_of(right)
        elif isinstance(left, str) and isinstance(right, str):
            same = left == right
        else:
            same = number_of(left) == number_of(right)
        return same == (symbol == "=")
    a, b = number_of(left), number_of(right)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[symbol]


def _evaluate_comparison(self: Any, context: Any = None) -> bool:
    pairs = product(_values(self[0], context), _values(self[1], context))
    return any(_compare(self.symbol, left, right) for left, right in pairs)


def _own_comparisons() -> None:
    """Subclasses of elementpath's operators, so that its own parsers stay as they are."""
    table = XFormsParser.symbol_table
    for symbol in ("=", "!=", "<", "<=", ">", ">="):
        base: type[Any] = table[symbol]
        table[symbol] = ABCMeta(base.__name__, (base,), {"evaluate": _evaluate_comparison})


# --- functions


def _add(name: str, arity: int | tuple[int, int | None], run: Callable[..., Any]) -> None:
    """Register a function of the arguments' values, replacing elementpath's where it has one."""

    def evaluate(self: Any, context: Any = None) -> Any:
        if context is None:
            raise self.missing_context()
        return run(context, *(argument.evaluate(context) for argument in self))

    XFormsParser.symbol_table.pop(name, None)
    token = XFormsParser.function(name, nargs=arity)
    cast(Any, token).evaluate = evaluate


def _today(context: Any) -> str:
    return cast(datetime, context.current_dt).date().isoformat()


def _words(value: Any) -> list[str]:
    return text_of(value).split()


def _selected_at(_: Any, value: Any, index: Any) -> str:
    words, at = _words(value), int(number_of(index))
    return words[at] if 0 <= at < len(words) else ""


def _substr(_: Any, value: Any, start: Any, end: Any = None) -> str:
    text = text_of(value)
    return text[int(number_of(start)) : len(text) if end is None else int(number_of(end))]


def _round(_: Any, value: Any, places: Any = 0.0) -> float:
    number, scale = number_of(value), 10.0 ** number_of(places)
    return number if math.isnan(number) or math.isinf(number) else math.floor(number * scale + 0.5) / scale


def _int(_: Any, value: Any) -> float:
    number = number_of(value)
    return number if math.isnan(number) or math.isinf(number) else float(math.trunc(number))


def _format_date(_: Any, value: Any, pattern: Any) -> str:
    match = _DATE.match(text_of(value))
    if not match or math.isnan(days_of(match[0])):
        return ""
    year, month, day = match[1], match[2], match[3] or "01"
    parts = {"%Y": year, "%y": year[2:], "%m": month, "%n": str(int(month)), "%d": day, "%e": str(int(day))}
    return re.sub(r"%[YymnDde]", lambda found: parts.get(found[0], ""), text_of(pattern))


def _checklist(_: Any, low: Any, high: Any, *votes: Any) -> bool:
    yes, least, most = sum(number_of(vote) > 0 for vote in votes), number_of(low), number_of(high)
    return (least < 0 or yes >= least) and (most < 0 or yes <= most)


def _join(_: Any, glue: Any, *values: Any) -> str:
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return text_of(glue).join(text_of(one) for one in flat)


def _extreme(pick: Callable[[list[float]], float]) -> Callable[..., float]:
    def run(_: Any, *values: Any) -> float:
        flat = [number_of(one) for value in values for one in (value if isinstance(value, list) else [value])]
        return pick(flat) if flat and not any(map(math.isnan, flat)) else math.nan

    return run


def _functions() -> Iterator[tuple[str, int | tuple[int, int | None], Callable[..., Any]]]:
    yield "selected", 2, lambda _, value, one: text_of(one).strip() in _words(value)
    yield "selected-at", 2, _selected_at
    yield "count-selected", 1, lambda _, value: float(len(_words(value)))
    yield "if", 3, lambda _, test, yes, no: yes if truth_of(test) else no
    yield "coalesce", 2, lambda _, first, second: text_of(first) or text_of(second)
    yield "boolean-from-string", 1, lambda _, value: text_of(value) in ("true", "1")
    yield "regex", 2, lambda _, value, pattern: re.search(text_of(pattern), text_of(value)) is not None
    yield "number", 1, lambda _, value: number_of(value)
    yield "int", 1, _int
    yield "round", (1, 2), _round
    yield "pow", 2, lambda _, value, power: number_of(value) ** number_of(power)
    yield "abs", 1, lambda _, value: abs(number_of(value))
    yield "min", (1, None), _extreme(min)
    yield "max", (1, None), _extreme(max)
    yield "string-length", 1, lambda _, value: float(len(text_of(value)))
    yield "substr", (2, 3), _substr
    yield "ends-with", 2, lambda _, value, end: text_of(value).endswith(text_of(end))
    yield "join", (1, None), _join
    yield "checklist", (2, None), _checklist
    yield "today", 0, _today
    yield "date", 1, lambda _, value: text_of(value)
    yield "decimal-date-time", 1, lambda _, value: days_of(text_of(value))
    yield "format-date", 2, _format_date


_own_comparisons()
for _name, _arity, _run in _functions():
    _add(_name, _arity, _run)


# --- running


@lru_cache(maxsize=8192)
def compiled(expression: str) -> Any:
    """The parsed expression; parsed once in a process, whatever the number of respondents."""
    try:
        return XFormsParser().parse(expression)
    except (ElementPathError, re.error) as error:
        raise ExpressionError(str(error)) from error


class Instance:
    """The answers of one respondent as the XML document that a form's expressions speak of."""

    def __init__(self, today: date) -> None:
        self._midnight = datetime.combine(today, time.min)
        self._root = Element(ROOT)
        self._nodes: dict[str, Element] = {}
        self._tree: Any = None
        self._offers: dict[tuple[str, tuple[tuple[str, str], ...]], bool] = {}

    def add(self, page: str, texts: Mapping[str, str]) -> None:
        """Append the answers of a page, as text."""
        self._tree = None
        self._offers.clear()
        group = SubElement(self._root, page)
        for name, text in texts.items():
            self._nodes[name] = SubElement(group, name)
            self._nodes[name].text = text

    def holds(self, expression: str, at: str = "") -> bool:
        """Whether a condition is true; `.` is the item named by `at`."""
        return self._run(expression, self._nodes.get(at))

    def offers(self, expression: str, option: Mapping[str, str]) -> bool:
        """Whether a choice_filter lets through a row of the choices sheet, whose columns it names."""
        named = tuple((column, text) for column, text in option.items() if column in expression)
        if (
            expression,
            named,
        ) not in self._offers:  # most options of a question are offered to the same people
            self._offers[expression, named] = self._offer(expression, named)
        return self._offers[expression, named]

    def _offer(self, expression: str, columns: Iterable[tuple[str, str]]) -> bool:
        row = SubElement(self._root, "item")
        for column, text in columns:
            SubElement(row, column).text = text
        self._tree = None
        try:
            return self._run(expression, row)
        finally:
            self._root.remove(row)
            self._tree = None

    def _run(self, expression: str, item: Element | None) -> bool:
        # The engine would build its tree anew for each expression, which took most of a page's time.
        self._tree = self._tree or get_node_tree(self._root)
        context = XPathContext(self._tree, item=item, current_dt=self._midnight)
        try:
            return truth_of(compiled(expression).evaluate(context))
        except (ElementPathError, re.error, OverflowError, ValueError, ZeroDivisionError) as error:
            raise ExpressionError(str(error)) from error
