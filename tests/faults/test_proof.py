"""The outbox survives anything: the proof of `make faults` with few letters and workers.

A program of its own, for it stops and restarts its servers: workers, beat, a mail server, Redis, databases.
"""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.faults.beds import CHUNK
from tests.settings import TEST_DB

#: What is proven in one go, and how many workers and letters it takes: each death costs a chunk of each worker's.
GOES: dict[str, tuple[int, int]] = {"workers": (1, 8 * CHUNK), "services": (2, 240)}
#: Each fault with the database it has most to do with, to save time; `make faults` goes through all of it on either.
SERVICES = {
    "sqlite": ["mail server", "beats", "clock: ahead", "clock: back", "clock: of one machine"],
    "postgres": ["redis", "postgres", "everything"],
}
#: Faults by which no letter can come into doubt: the workers live on, and so does what they write in.
NO_DOUBT = {"redis", "beats"}


@pytest.mark.own_servers
@pytest.mark.parametrize("go", GOES)
def test_after_each_fault_a_letter_was_sent_once_is_sent_later_or_stands_in_doubt(go):
    """None twice unless a person said so; each in doubt was in `sending` at the fault (proof.py judges)."""
    workers, letters = GOES[go]
    names = SERVICES[TEST_DB] if go == "services" else ["killed: at each step"]
    words = f"-m tests.faults --db {TEST_DB} --workers {workers} --letters {letters} --json --only".split()
    done = subprocess.run(
        [sys.executable, *words, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    results = {line["fault"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert list(results) == names, done.stderr
    for name, line in results.items():
        assert (line["twice"], line["lost"], line["wrong"]) == (0, 0, []), line
        assert line["letters"] == letters
        if name in NO_DOUBT:
            assert (line["delivered"], line["unconfirmed"]) == (letters, 0), line
        if name == "killed: at each step":
            assert line["again"], line
    assert done.returncode == 0
