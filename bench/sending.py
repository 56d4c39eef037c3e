"""Letters a second: a wave's letters, personal, through the whole product, to a local SMTP server.

    PYTHONPATH=. python bench/sending.py [N]

Everything is real and on this machine: PostgreSQL, Redis, two Celery workers, an SMTP server that takes all
(bench/_sink.py). Timed from the first dispatch to the last row marked sent: claimed, checked, cards opened, four links
minted, rendered, handed over, each state and event written (bench/_wave.py). Then the peers (bench/_peers.py) send
letters of the same words to the same server. Prints rates, their ratio, processor time per letter by part, and memory
over time. The goal is five times django-post-office by its own defaults, its rows counted as ours are (`as_it_comes`).
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy
from pathlib import Path
from typing import Any

import yaml

from config.local import process
from tests.faults.beds import KEPT, ROOT, Bed

N = 94_000
#: The goal: letters a second, and how many times django-post-office.
WANTED, TIMES = 2500, 5.0
PEER_LETTERS = {"post_office": 10_000, "as_it_comes": 5000, "raw": 20_000, "building": 4000}


class Grounds(Bed):
    """The proof's servers, but with a mail server that only counts, settings without DEBUG, and PostgreSQL's own as in
    docker/compose.yaml.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "postgres")
        self.counted = folder / "sink.json"
        self.env |= {"DJANGO_SETTINGS_MODULE": "bench._settings"}
        self.env.pop("MAIL_CHUNK", None)
        compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
        options = compose["services"]["postgres"]["command"]
        self.kept = (*KEPT, *(option for option in options[1:] if option != "-c"))

    def start_mail(self) -> None:
        argv = [sys.executable, "-m", "bench._sink", str(self.smtp_port), str(self.counted)]
        with self.log("mail").open("ab") as out:
            self.servers["mail"] = process.spawn(argv, cwd=ROOT, log=out)
        self._wait("mail", lambda: process.answers(self.smtp_port))

    def counts(self) -> Any:
        """What the mail server has taken so far."""
        self.counted.unlink(missing_ok=True)
        self.servers["mail"].send_signal(signal.SIGUSR1)
        assert process.wait_until(self.counted.exists, seconds=10, child=self.servers["mail"])
        return json.loads(self.counted.read_text())

    def database(self, name: str) -> str:
        """The address of one more database on the same server, made here."""
        words = [str(self.binaries / "createdb"), "-h", str(self.sockets), "-U", "postgres", name]
        subprocess.run(words, check=True)
        return self.url("default").replace("/default_proof", f"/{name}")


@contextmanager
def grounds() -> Iterator[Grounds]:
    """All servers, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="gj-b-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's own user must reach its socket in here
        made = Grounds(folder)
        with contextlib.ExitStack() as stack:
            stack.callback(made.end)
            made.start()
            yield made


# --- others


def peer(bed: Grounds, what: str, letters: Path, url: str) -> float:
    """Letters a second of one of bench/_peers.py."""
    number = PEER_LETTERS[what]
    words = [sys.executable, "-m", "bench._peers", what, url, str(bed.smtp_port), str(letters), str(number)]
    done = subprocess.run(words, cwd=ROOT, env=bed.env, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    rate = number / float(told.pop("seconds"))
    print(f"{what}: {rate:.0f} letters a second", json.dumps(told) if told else "")
    return rate


def specimens(bed: Grounds) -> Path:
    """Letters as they went out, for the others to send."""
    file = bed.folder / "letters.json"
    kept = [message_from_string(text, policy=policy.default) for text in bed.counts()["kept"]]
    file.write_text(
        json.dumps(
            [
                {
                    "subject": str(one["Subject"]),
                    "text": one.get_body(("plain",)).get_content(),
                    "html": one.get_body(("html",)).get_content(),
                }
                for one in kept
            ]
        )
    )
    return file


def main(number: int) -> int:
    with grounds() as bed:
        os.environ.update(bed.env)
        rate = importlib.import_module("bench._wave").ours(bed, number)  # it reads the settings just made
        letters, url = specimens(bed), bed.database("others")
        theirs = {what: peer(bed, what, letters, url) for what in PEER_LETTERS}
    told = {name: f"{rate / theirs[name]:.2f}" for name in ("post_office", "as_it_comes", "raw")}
    print("ours, as so many times theirs:", *(f"{name} {times}" for name, times in told.items()))
    return 0 if rate >= WANTED and rate >= TIMES * theirs["as_it_comes"] else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else N))
