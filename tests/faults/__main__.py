"""`make faults`: each fault alone and all at once, a table, and exit status 1 where something did not hold.

python -m tests.faults [--letters 10000] [--db postgres|sqlite] [--only NAME …] [--json] [--seed N]
"""

import argparse
import importlib
import os
import sys

import django
from django.core.management import call_command

from config.local.process import LocalError
from tests.faults import beds
from tests.faults.beds import Bed

HEAD = ["letters", "delivered", "refused", "waited", "unconfirmed", "again", "twice", "lost", "seconds"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--db", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def ready(bed: Bed) -> None:
    """Django on the bed's databases, which are new."""
    os.environ.update(bed.env)
    django.setup()
    for alias in beds.DATABASES:
        call_command("migrate", database=alias, verbosity=0, interactive=False)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def prove(bed: Bed, options: argparse.Namespace) -> bool:
    """Each fault in turn; whether all held."""
    ready(bed)
    proofs = importlib.import_module("tests.faults.proof")  # they need Django as it is set up by now
    faults = importlib.import_module("tests.faults.faults").FAULTS
    crew = importlib.import_module("tests.faults.crew").Crew(bed, options.workers)
    proof = proofs.Proof(bed, crew, options.letters, options.seed)
    proof.keep_moves()
    names = options.only or [name for name in faults if name != "postgres" or options.db == "postgres"]
    if not options.json:
        say(f"{'fault':28}" + "".join(f"{word:>12}" for word in HEAD))
    held = True
    try:
        crew.start()
        for name in names:
            result = proof.run(name, faults[name])
            held &= not (result.twice or result.lost or result.wrong)
            say(result.as_json() if options.json else line(result))
    finally:
        crew.end()
    return held


def line(result: "object") -> str:
    numbers = "".join(f"{getattr(result, word):>12}" for word in HEAD)
    return "\n".join([f"{result.fault:28}{numbers}", *(f"    {what}" for what in result.wrong)])


def main() -> int:
    options = arguments()
    try:
        with beds.made(options.db) as bed:
            return 0 if prove(bed, options) else 1
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
