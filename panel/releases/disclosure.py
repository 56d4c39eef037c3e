"""The thresholds of disclosure control: who shares a class with whom, k, minimal uniques, sensitive values.

Judges only. The search for a recoding that passes is `recoding.py`, tables are `tables.py`; whether a single
number may be shown is `panel/threshold.py`. Nothing here knows of Django's models, files or the clock; rows
are coded answers, every value (missing codes and blanks too) is a value of its own. Records that somebody
starred out form a class like any other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput
from panel.missing import Missing
from panel.threshold import DEFAULT_K

Row = Mapping[str, str]
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.float64]

MISSING = frozenset(str(each.value) for each in Missing)
"""The codes of a missing answer (RES-06)."""

SAYS_NOTHING = MISSING - {str(Missing.NOT_ASKED.value)}
"""Rare, but no statement on the person. "Not asked" is one: routing by where somebody lives tells where."""

_WIDE = 2**62
_HAIR = 1e-9


class Verdict(TypedDict):
    """What a check of a file says; `k` is its smallest class."""

    k: int
    rows: int
    below_k: int
    unique: int
    verdict: str


@dataclass(frozen=True)
class Thresholds:
    """SDC-02. A value rarer than `rare` is held to `times` its base rate, other variables to l, share and t.

    At most `suppress` of the records may be left out, and `suppress_rare` of those with a rare value, so that
    a file doesn't reach its thresholds by losing the very people it is about.
    """

    k: int = DEFAULT_K
    suppress: float = 0.05
    suppress_rare: float = 0.20
    rare: float = 0.20
    times: float = 3.0
    distinct: int = 3
    largest: float = 0.80
    t: float = 0.30


def encode(values: Sequence[str]) -> tuple[Codes, list[str]]:
    """Whole numbers for the values, in order of first appearance, and what they stand for."""
    index: dict[str, int] = {}
    codes = np.fromiter((index.setdefault(value, len(index)) for value in values), np.int64, len(values))
    return codes, list(index)


def column(rows: Sequence[Row], name: str) -> list[str]:
    """One variable of all rows; a row that lacks it makes the file unusable."""
    try:
        return [row[name] for row in rows]
    except KeyError:
        raise BadInput(_("The file has no variable “%(name)s” in every row.") % {"name": name}) from None


def fold(columns: Sequence[Codes], rows: int) -> Codes:
    """The class of each row over the columns: mixed-radix numbers, squeezed when they would overflow."""
    key, span = np.zeros(rows, np.int64), 1
    for codes in columns:
        width = int(codes.max(initial=0)) + 1
        if span * width > _WIDE:
            key = _squeeze(key)
            span = int(key.max(initial=0)) + 1
        key, span = key * width + codes, span * width
    return _squeeze(key)


def _squeeze(key: Codes) -> Codes:
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def class_sizes(columns: Sequence[Codes], rows: int) -> Codes:
    """For each row how many rows share its class, itself included."""
    ids = fold(columns, rows)
    return np.bincount(ids)[ids] if rows else ids


def judge(rows: Sequence[Row], quasi: Sequence[str], k: int = DEFAULT_K) -> Verdict:
    """Whether each row shares its quasi-identifiers with k - 1 others; in a file below k none does."""
    if k < 2 or not quasi:
        raise BadInput(_("Name at least one quasi-identifier and a k of 2 or more."))
    sizes = class_sizes([encode(column(rows, name))[0] for name in quasi], len(rows))
    smallest = int(sizes.min(initial=len(rows)))
    return {
        "k": smallest,
        "rows": len(rows),
        "below_k": int((sizes < k).sum()),
        "unique": int((sizes == 1).sum()),
        "verdict": "accepted" if smallest >= k else "refused",
    }


def minimal_uniques(rows: Sequence[Row], quasi: Sequence[str], size: int = 3) -> dict[tuple[str, ...], int]:
    """SDC-03: combinations of up to `size` variables on which a row stands alone, though on no part of them.

    Elliot, Manning & Ford (2002), A computational algorithm for handling the special uniques problem,
    Int. J. Uncertainty, Fuzziness and Knowledge-Based Systems 10(5). Uniqueness passes on to every larger
    combination, so only those one smaller need a look.
    """
    codes = {name: encode(column(rows, name))[0] for name in quasi}
    alone: dict[tuple[str, ...], Flags] = {}
    found: dict[tuple[str, ...], int] = {}
    for width in range(1, min(size, len(quasi)) + 1):
        for names in combinations(quasi, width):
            unique = class_sizes([codes[name] for name in names], len(rows)) == 1
            alone[names] = unique
            minimal = unique.copy()
            for part in combinations(names, width - 1):
                minimal &= ~alone.get(part, np.zeros(len(rows), bool))
            if minimal.any():
                found[names] = int(minimal.sum())
    return found


@dataclass(frozen=True)
class Sensitive:
    """One sensitive variable: its values, how many have each, which rule of SDC-02 which value falls under.

    `rare` values are held to their base rate. With any of them the variable as a whole can't be held to l and
    t (`spread` is false), but its `common` ones still may not fill a class; nor, `together`, may the rare.
    """

    name: str
    values: tuple[str, ...]
    counts: tuple[int, ...]
    rare: tuple[int, ...]
    common: tuple[int, ...]
    spread: bool
    together: bool

    @classmethod
    def of(
        cls, name: str, values: Sequence[str], limits: Thresholds, guard: Collection[str] | None = None
    ) -> "Sensitive":
        """Read from the whole file before anything is suppressed.

        `guard` names the values that need protection ("left", not "lives in Norway"); without it all do.
        """
        codes, labels = encode(values)
        counts = np.bincount(codes, minlength=len(labels))
        shares = counts / max(len(values), 1)
        guarded = [v for v, label in enumerate(labels) if _needs_guard(label, guard)]
        rare = tuple(v for v in guarded if shares[v] < limits.rare)
        common = tuple(v for v in guarded if limits.rare <= shares[v] <= limits.largest)
        spread = bool(guarded) and not rare
        return cls(name, tuple(labels), tuple(map(int, counts)), rare, common, spread, guard is not None)


def _needs_guard(value: str, guard: Collection[str] | None) -> bool:
    return value not in SAYS_NOTHING if guard is None else value in guard


def breaches(sensitive: Sensitive, table: Counts, kept: Flags, limits: Thresholds) -> Flags:
    """Which kept classes break the rule; `table` counts each value (column) in each class (row).

    Base rates are those of the kept rows, since a reader of the file sees no others.
    """
    sizes = table.sum(axis=1)
    shares = table / np.maximum(sizes, 1)[:, None]
    base = table[kept].sum(axis=0) / max(float(sizes[kept].sum()), 1.0)
    if sensitive.spread:
        return np.logical_and(kept, _uneven(table, shares, base, limits))
    rare, common = list(sensitive.rare), list(sensitive.common)
    bad: Flags = (shares[:, rare] > limits.times * base[rare] + _HAIR).any(axis=1)
    bad |= (shares[:, rare] == 1).any(axis=1) | (shares[:, common] > limits.largest + _HAIR).any(axis=1)
    if sensitive.together and rare:
        bad |= table[:, rare].sum(axis=1) == np.maximum(sizes, 1)
    return np.logical_and(kept, bad)


def _uneven(table: Counts, shares: Counts, base: Counts, limits: Thresholds) -> Flags:
    """Distinct l (no more than there are values), largest share, and t as variational distance."""
    distinct = (table > 0).sum(axis=1)
    wanted = min(limits.distinct, int((base > 0).sum()))
    distance = np.abs(shares - base).sum(axis=1) / 2
    uneven: Flags = np.asarray(
        (distinct < wanted) | (shares.max(axis=1) > limits.largest + _HAIR) | (distance > limits.t + _HAIR)
    )
    return uneven


def broken_rules(
    rows: Sequence[Row], quasi: Sequence[str], sensitive: Sequence[Sensitive], limits: Thresholds
) -> list[str]:
    """The names of the rules that finished rows break: the last look before a file is written."""
    broken = [] if judge(rows, quasi, limits.k)["verdict"] == "accepted" else ["k"]
    ids = fold([encode(column(rows, name))[0] for name in quasi], len(rows))
    kept = np.ones(int(ids.max(initial=-1)) + 1, bool)
    for each in sensitive:
        index = {value: code for code, value in enumerate(each.values)}
        codes = np.fromiter((index[value] for value in column(rows, each.name)), np.int64, len(rows))
        flat = np.bincount(ids * len(each.values) + codes, minlength=len(kept) * len(each.values))
        table = flat.reshape(len(kept), len(each.values)).astype(np.float64)
        if breaches(each, table, kept, limits).any():
            broken.append(each.name)
    return broken
