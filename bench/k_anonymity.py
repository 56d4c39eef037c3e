"""Recoding the Adult file to k = 6: pruned search beside a naive one, our judge beside pyCANON, in one run.

    python -m bench.k_anonymity PATH/TO/adult

PATH holds adult.csv and hierarchies/*.csv as in the repository arx-deidentifier/arx (folder data/); the file
is not part of this project. Prints ratios of times, which travel between machines, and checks that the sides
agree.
"""

import csv
import sys
from pathlib import Path
from time import perf_counter

import pandas as pd  # type: ignore[import-untyped]
from pycanon import anonymity

from panel.releases.disclosure import Sensitive, Thresholds, column, judge
from panel.releases.hierarchies import Hierarchy
from panel.releases.recoding import Problem, anonymise, best_node, lattice

QUASI = ["sex", "age", "race", "marital-status", "education", "native-country", "workclass"]
PANEL = 94_000


def read(folder: Path) -> tuple[list[dict[str, str]], list[Hierarchy]]:
    """Rows and hierarchies; a hierarchy's file has the leaf first, one column per level."""
    with (folder / "adult.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    hierarchies = []
    for name in QUASI:
        with (folder / "hierarchies" / f"{name}.csv").open(newline="") as file:
            lines = list(csv.reader(file, delimiter=";"))
        levels = [{line[0]: line[at] for line in lines} for at in range(1, len(lines[0]))]
        hierarchies.append(Hierarchy.declared(name, levels))
    return rows, hierarchies


def timed(call):
    start = perf_counter()
    return call(), perf_counter() - start


def naive(problem: Problem):
    """Every node of the lattice, nothing pruned."""
    tried = ((problem.try_node(node), list(node)) for node in lattice(problem.hierarchies))
    return min(((o.loss, n) for o, n in tried if problem.accepts(o)), key=lambda pair: pair[0])


def search(label: str, problem: Problem) -> None:
    """The pruned search beside the naive one; both must find the same loss."""
    (levels, outcome, looked_at, nodes), ours = timed(lambda: best_node(problem))
    (loss, _node), all_of_it = timed(lambda: naive(problem))
    assert abs(loss - outcome.loss) < 1e-12, "the pruned search missed the optimum"
    print(f"{label}: {looked_at} of {nodes} nodes looked at, levels {levels}, loss {outcome.loss:.4f}")
    print(f"  {outcome.suppressed} rows left out; {ours:.2f} s; naive / pruned = {all_of_it / ours:.1f}")


def judging(label: str, rows: list[dict[str, str]]) -> None:
    """Our k beside pyCANON's on the same rows."""
    verdict, ours = timed(lambda: judge(rows, QUASI))
    frame = pd.DataFrame(rows)
    peer, theirs = timed(lambda: anonymity.k_anonymity(frame, QUASI))
    assert peer == verdict["k"], "pyCANON sees another k"
    print(f"{label}: k = {peer}; {ours:.3f} s; pyCANON / ours = {theirs / ours:.1f}")


def main(folder: Path) -> None:
    rows, hierarchies = read(folder)
    limits = Thresholds()
    salary = [Sensitive.of("salary-class", column(rows, "salary-class"), limits)]
    search(f"k = 6, {len(rows)} rows", Problem(rows, hierarchies, [], limits))
    search("k = 6 and salary sensitive", Problem(rows, hierarchies, salary, limits))
    judging("judging the raw file", rows)
    judging("judging the released file", anonymise(rows, hierarchies, salary, limits).rows)
    panel = (rows * (PANEL // len(rows) + 1))[:PANEL]
    _released, large = timed(lambda: anonymise(panel, hierarchies, salary, limits))
    print(f"{PANEL} rows (the file repeated): {large:.2f} s for search, recoding and the last look")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
