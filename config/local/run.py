"""`make run`: the whole service on this machine, with the example study loaded at the first start.

The example's life is lived by `manage.py demo_life`, on a clock of its own, while the service runs; then the
service goes on in real time. A mark in the folder says that it was loaded; an interrupted load starts afresh.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from config.local import redis
from config.local.env import DATABASES, ROOT, Place, Ports, prepare
from config.local.process import LocalError
from config.local.services import QUIET, alone, manage, migrate, running, stopped_by_signals, turn_back


def life(place: Place) -> list[str | Path]:
    """The command that lives the example's life up to today; demo.py has it to the end."""
    return ["demo_life", "--upto-today", "--out", place.folder]


def loading(place: Place) -> Path:
    return place.folder / "example-loading"


def loaded(place: Place) -> Path:
    return place.folder / "example-loaded"


def wants_example(place: Place, environ: Mapping[str, str]) -> bool:
    """Whether to load it: into new databases only, never beside somebody's own data."""
    if loaded(place).exists():
        return False
    if not loading(place).exists():
        return not any(place.databases.glob("*")) and not DATABASES.keys() & environ.keys()
    if given := DATABASES.keys() & environ.keys():
        raise LocalError(
            f"Loading the example was interrupted. Empty the databases of {', '.join(sorted(given))}."
        )
    return True


def clear(place: Place) -> None:
    """Take away what an interrupted load left, and no more."""
    for folder in (place.databases, place.keys, place.journal, place.mail, place.returns, place.redis):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (place.clock, place.logins, place.refused):
        file.unlink(missing_ok=True)
    place.make()


def load(place: Place, ports: Ports, environment: Mapping[str, str]) -> None:
    """Let the example's waves happen up to today; the command shows its own progress."""
    say("Loading the example study; this happens once.")
    quick = {**environment, "BEAT_TICK": "1"}
    turn_back(place)
    with running(place, ports, quick) as services:
        if services.watch(until=manage(*life(place), env={**quick, **QUIET})):
            raise LocalError(f"The example study could not be loaded. The logs are in {place.logs}")
    place.clock.unlink(missing_ok=True)
    loading(place).rename(loaded(place))


def serve(place: Place, ports: Ports, environment: Mapping[str, str]) -> None:
    """Until Ctrl-C."""
    with running(place, ports, environment) as services:
        say(welcome(place, ports))
        services.watch()


def welcome(place: Place, ports: Ports) -> str:
    """Where to look."""
    logins = place.logins.read_text().strip().expandtabs(26) if place.logins.exists() else ""
    lines = [
        "",
        "Gjensyn runs. Ctrl-C stops all of it.",
        f"  Respondents' pages  {ports.base_url}/",
        f"  Desk                {ports.base_url}/desk/",
        f"  Letters it sent     {ports.letters_url}/",
        f"  Logs                {place.logs}",
        *(["", f"Log-ins for the desk (kept in {place.logins}):", logins] if logins else []),
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(place: Place, environ: Mapping[str, str]) -> None:
    """Set up what is missing, then serve."""
    with alone(place):
        ports = Ports.chosen(environ)
        wanted = wants_example(place, environ)
        if wanted:
            clear(place)
            loading(place).touch()
        with redis.server(place.redis, log=place.logs / "redis.log") as redis_url:
            settings = prepare(place, ports, redis_url=redis_url)
            environment = {**settings, **environ, "GJENSYN_ENV_FILE": str(place.env_file)}
            migrate(place, environment)
            if wanted:
                load(place, ports, environment)
            serve(place, ports, environment)


def main() -> int:
    os.umask(0o077)
    try:
        with stopped_by_signals():
            run(Place(Path(os.environ.get("GJENSYN_VAR", ROOT / "var"))), os.environ)
    except KeyboardInterrupt:
        say("Stopped.")
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
