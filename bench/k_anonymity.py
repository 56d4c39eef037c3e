"""Recoding the Adult file to k = 6: pruned search beside a naive one, our judge beside pyCANON, in one run.

    python -m bench.k_anonymity PATH/TO/adult

PATH holds adult.csv and hierarchies/*.csv as in the repository arx-deidentifier/arx (folder data/); the file is not
part of this project. Prints ratios of times, which travel between machines, and checks that both sides agree.
"""

import csv
import sys
from pathlib import Path
from time import perf_counter

import pandas as pd
from pycanon import anonymity

from panel.releases.disclosure import Sensitive, Thresholds, column, judge
from panel.releases.hierarchies import Hierarchy
from panel.releases.recoding import Problem, _lattice, anonymise, best_node

QUASI = ["sex", "age", "race", "marital-status", "education", "native-country", "workclass"]
COPIES = 94_000


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
    tried = ((problem.try_node(node), list(node)) for node in _lattice(problem.hierarchies))
    return min(((o.loss, n) for o, n in tried if problem.accepts(o)), key=lambda pair: pair[0])


def main(folder: Path) -> None:
    rows, hierarchies = read(folder)
    limits = Thresholds()
    guard = [Sensitive.of("salary-class", column(rows, "salary-class"), limits)]
    problem = Problem(rows, hierarchies, guard, limits)
    (levels, outcome, looked_at, nodes), ours = timed(lambda: best_node(problem))
    (loss, _node), all_of_it = timed(lambda: naive(problem))
    assert abs(loss - outcome.loss) < 1e-12, "the pruned search missed the optimum"
    print(f"adult, {len(rows)} rows, {nodes} nodes: {looked_at} looked at, levels {levels}, loss {outcome.loss:.4f}, ")
    print(f"  {outcome.suppressed} left out; {ours:.2f} s; naive search / ours = {all_of_it / ours:.1f}")
    released = anonymise(rows, hierarchies, guard, limits)
    verdict, judged = timed(lambda: judge(released.rows, QUASI))
    frame = pd.DataFrame(released.rows)
    peer, peer_time = timed(lambda: anonymity.k_anonymity(frame, QUASI))
    assert peer == verdict["k"], "pyCANON sees another k"
    print(f"judging the result: k = {peer}; {judged:.3f} s; pyCANON / ours = {peer_time / judged:.1f}")
    panel = (rows * (COPIES // len(rows) + 1))[:COPIES]
    _released, large = timed(lambda: anonymise(panel, hierarchies, guard, limits))
    print(f"{COPIES} rows (the file repeated): {large:.2f} s for search and writing")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
