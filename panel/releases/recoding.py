"""The search: which level for each quasi-identifier, and which whole records to leave out, lose least.

Globally optimal over the lattice of full-domain recodings (each variable at one level for everybody). Loss
is non-uniform entropy, Gionis & Tassa (2009), k-Anonymization with Minimal Loss of Information, IEEE TKDE
21(2): of what a value told (the rarer, the more), the share its coarser value no longer tells; a record left
out loses all. Variables count alike, or by the study's weights; 0 is the file as it came, 1 a file that tells
nothing.

Two facts prune. Coarser classes are unions of finer ones, so a node that leaves too many rows below k
condemns all finer nodes. And leaving out only adds loss, so a node whose recoding alone loses as much as the
best one in hand is out. The rules for sensitive values are not monotone under suppression: a failure by them
condemns no other node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.releases.disclosure import (
    Codes,
    Counts,
    Flags,
    Row,
    Sensitive,
    Thresholds,
    breaches,
    broken_rules,
    column,
    encode,
    fold,
)
from panel.releases.hierarchies import Hierarchy

LATTICE_LIMIT = 500_000


@dataclass(frozen=True)
class Recoded:
    """What may be released, and what was done to it."""

    rows: list[dict[str, str]]
    levels: dict[str, int]
    suppressed: int
    loss: float
    looked_at: int
    nodes: int


@dataclass(frozen=True)
class Outcome:
    """One node tried: which atoms stay, how many records go, what is lost, how many fall below k alone.

    `rare_left_out` is the largest share of the people with one rare value that would go.
    """

    kept: Flags
    suppressed: int
    loss: float
    below_k: int
    rare_left_out: float


class Problem:
    """The file folded to its distinct combinations ("atoms"): 94,000 rows cost little more than 9,000."""

    def __init__(
        self,
        rows: Sequence[Row],
        hierarchies: Sequence[Hierarchy],
        sensitive: Sequence[Sensitive],
        limits: Thresholds,
    ) -> None:
        self.limits, self.sensitive, self.hierarchies = limits, sensitive, hierarchies
        self.total = len(rows)
        coded = [encode(column(rows, each.name)) for each in hierarchies]
        for each, (_codes, values) in zip(hierarchies, coded, strict=True):
            each.check(values)
        self.atom_of = fold([codes for codes, _values in coded], self.total)
        first = np.unique(self.atom_of, return_index=True)[1]
        self.weights = np.bincount(self.atom_of).astype(np.float64)
        atoms = [
            (each, codes[first], values) for each, (codes, values) in zip(hierarchies, coded, strict=True)
        ]
        self.columns = [self._levels(*atom) for atom in atoms]
        self.losses = [self._losses(*atom) for atom in atoms]
        self.tables = [self._counts(rows, each) for each in sensitive]

    @staticmethod
    def _levels(hierarchy: Hierarchy, codes: Codes, values: Sequence[str]) -> list[Codes]:
        """For each level the code of each atom."""
        levels = range(hierarchy.top + 1)
        return [encode([hierarchy.at(level, value) for value in values])[0][codes] for level in levels]

    def _losses(self, hierarchy: Hierarchy, codes: Codes, values: Sequence[str]) -> list[Counts]:
        """For each level what each atom adds to the file's loss."""
        counts = np.maximum(np.bincount(codes, weights=self.weights, minlength=len(values)), 1)
        in_all = float((counts * np.log(self.total / counts)).sum()) / self.total
        part = hierarchy.weight / sum(each.weight for each in self.hierarchies)
        losses = []
        for level in range(hierarchy.top + 1):
            coarse = encode([hierarchy.at(level, value) for value in values])[0]
            lost = np.log(np.bincount(coarse, weights=counts)[coarse] / counts)
            share = (lost * part / in_all if in_all > 0 else lost) / self.total
            losses.append(share[codes] * self.weights)
        return losses

    def _counts(self, rows: Sequence[Row], sensitive: Sensitive) -> Counts:
        """How many of each atom have each sensitive value."""
        index = {value: code for code, value in enumerate(sensitive.values)}
        width = len(sensitive.values)
        codes = np.fromiter((index[value] for value in column(rows, sensitive.name)), np.int64, self.total)
        flat = np.bincount(self.atom_of * width + codes, minlength=len(self.weights) * width)
        return flat.reshape(-1, width).astype(np.float64)

    def recoding_losses(self, nodes: npt.NDArray[np.int64]) -> Counts:
        """Loss of each node if nothing is left out: a lower bound of what it costs."""
        total = np.zeros(len(nodes))
        for position, levels in enumerate(self.losses):
            total += np.array([float(loss.sum()) for loss in levels])[nodes[:, position]]
        return total

    def try_node(self, node: Sequence[int]) -> Outcome:
        """Put atoms together at these levels and leave out the classes that break a rule."""
        at = [levels[level] for levels, level in zip(self.columns, node, strict=True)]
        ids = fold(at, len(self.weights))
        sizes = np.bincount(ids, weights=self.weights)
        kept = sizes >= self.limits.k
        below_k = int(sizes[~kept].sum())
        if below_k <= self.allowance:
            self._leave_out(ids, kept)
        stays = kept[ids]
        suppressed = int(self.weights[~stays].sum())
        lost = [np.where(stays, levels[at], levels[-1]) for levels, at in zip(self.losses, node, strict=True)]
        loss = float(sum(each.sum() for each in lost))
        return Outcome(stays, suppressed, loss, below_k, self._rare_left_out(stays))

    def _rare_left_out(self, stays: Flags) -> float:
        shares = [
            float(table[~stays, value].sum()) / each.counts[value]
            for each, table in zip(self.sensitive, self.tables, strict=True)
            for value in each.rare
        ]
        return max(shares, default=0.0)

    def _leave_out(self, ids: Codes, kept: Flags) -> None:
        """Drop classes until none breaks a rule: base rates move with each class that goes."""
        tables = [_by_class(table, ids, len(kept)) for table in self.tables]
        settled = False
        while not settled:
            settled = True
            for each, table in zip(self.sensitive, tables, strict=True):
                bad = breaches(each, table, kept, self.limits)
                if bad.any():
                    kept &= ~bad
                    settled = False

    @property
    def allowance(self) -> int:
        """How many records may be left out at most."""
        return int(self.limits.suppress * self.total + 1e-9)

    def accepts(self, outcome: Outcome) -> bool:
        """Whether a node may be released."""
        return (
            outcome.suppressed <= self.allowance
            and self.total - outcome.suppressed >= self.limits.k
            and outcome.rare_left_out <= self.limits.suppress_rare + 1e-9
        )


def _by_class(table: Counts, ids: Codes, classes: int) -> Counts:
    columns = [np.bincount(ids, weights=column, minlength=classes) for column in table.T]
    return np.stack(columns, axis=1)


def lattice(hierarchies: Sequence[Hierarchy]) -> npt.NDArray[np.int64]:
    count = int(np.prod([each.top + 1 for each in hierarchies], dtype=np.float64))
    if not hierarchies or count > LATTICE_LIMIT:
        raise BadInput(
            _("The declared levels give %(count)s combinations: declare between 1 and %(most)s.")
            % {"count": count if hierarchies else 0, "most": LATTICE_LIMIT}
        )
    return np.array(list(product(*(range(each.top + 1) for each in hierarchies))), np.int64)


def best_node(problem: Problem) -> tuple[list[int], Outcome, int, int]:
    """The node that loses least, what comes of it, how many were looked at and how many there are.

    Always the middle one of what is left, by loss: if it fails, its finer nodes go; if it passes, all that
    lose more.
    """
    nodes = lattice(problem.hierarchies)
    bound = problem.recoding_losses(nodes)
    order = np.argsort(bound, kind="stable")
    nodes, bound = nodes[order], bound[order]
    alive = np.ones(len(nodes), bool)
    best: tuple[list[int], Outcome] | None = None
    looked_at = 0
    while alive.any():
        left = np.flatnonzero(alive)
        at = int(left[len(left) // 2])
        outcome = problem.try_node(nodes[at])
        looked_at, alive[at] = looked_at + 1, False
        if problem.accepts(outcome) and (best is None or outcome.loss < best[1].loss):
            best = [int(level) for level in nodes[at]], outcome
            alive &= bound < outcome.loss
        elif outcome.below_k > problem.allowance:
            alive &= ~(nodes <= nodes[at]).all(axis=1)
    if best is None:
        raise NotNow(_out_of_reach(problem))
    return *best, looked_at, len(nodes)


def _out_of_reach(problem: Problem) -> str:
    """The sentence for the person who asked: which threshold not even the coarsest file meets."""
    limits, share = problem.limits, f"{problem.limits.suppress:.0%}"
    if problem.total < limits.k:
        return _("Not released: the file has fewer than %(k)s rows.") % {"k": limits.k}
    top = problem.try_node([each.top for each in problem.hierarchies])
    if problem.accepts(top):
        raise AssertionError("the coarsest node passes, so the search can't have come back empty")
    names = ", ".join(each.name for each in problem.sensitive)
    return _(
        "Not released: even with every background variable at its coarsest and %(share)s of the rows left "
        "out, the rules for sensitive values can't be met (%(names)s). Recode or leave out one of these "
        "variables."
    ) % {"share": share, "names": names}


def anonymise(
    rows: Sequence[Row],
    hierarchies: Sequence[Hierarchy],
    sensitive: Sequence[Sensitive] = (),
    limits: Thresholds | None = None,
) -> Recoded:
    """The rows that may be released, coarsened; or a refusal that says what could not be reached."""
    limits = limits or Thresholds()
    if len(rows) < limits.k:
        raise NotNow(_("Not released: the file has fewer than %(k)s rows.") % {"k": limits.k})
    problem = Problem(rows, hierarchies, sensitive, limits)
    levels, outcome, looked_at, nodes = best_node(problem)
    stays = outcome.kept[problem.atom_of]
    recoded = [_coarsen(row, hierarchies, levels) for row, stay in zip(rows, stays, strict=True) if stay]
    broken = broken_rules(recoded, [each.name for each in hierarchies], sensitive, limits)
    if broken:
        raise AssertionError(f"the search and the judge disagree on {', '.join(broken)}")
    named = {each.name: level for each, level in zip(hierarchies, levels, strict=True)}
    return Recoded(recoded, named, outcome.suppressed, outcome.loss, looked_at, nodes)


def _coarsen(row: Row, hierarchies: Sequence[Hierarchy], levels: Sequence[int]) -> dict[str, str]:
    at = zip(hierarchies, levels, strict=True)
    return {**row, **{each.name: each.at(level, row[each.name]) for each, level in at}}
