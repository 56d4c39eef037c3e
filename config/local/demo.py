"""`make demo`: the example study's whole life in a folder of its own, from nothing, without a person.

Starts the service on free ports with a clock of its own, lets `manage.py demo_life` live in it, stops all of
it and passes on that command's exit status. What is checked stands in panel/demo.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from config.local import redis
from config.local.env import ROOT, Place, Ports, prepare
from config.local.process import LocalError
from config.local.services import QUIET, alone, manage, migrate, running, stopped_by_signals, turn_back


def life(place: Place, arguments: Sequence[str]) -> list[str | Path]:
    """The command that lives it, with what was given to `make demo` beside."""
    return ["demo_life", "--out", place.folder, *arguments]


def fresh(place: Place) -> None:
    """An empty folder; one that isn't ours is not touched."""
    if not place.folder.exists() or not any(place.folder.iterdir()):
        return
    if not place.env_file.exists():
        raise LocalError(f"{place.folder} holds something else than a demo. Move it away first.")
    with alone(place):  # a demo that is running keeps its folder
        shutil.rmtree(place.folder)


def live(place: Place, arguments: Sequence[str]) -> int:
    """From an empty folder to the command's exit status."""
    fresh(place)
    with alone(place), redis.server(log=place.logs / "redis.log") as redis_url:
        ports = Ports.free()
        settings = prepare(place, ports, redis_url=redis_url)
        own = {"GJENSYN_ENV_FILE": str(place.env_file), "BEAT_TICK": "1"}
        environment = {**os.environ, **settings, **own}
        migrate(place, environment)
        turn_back(place)
        with running(place, ports, environment) as services:
            return services.watch(until=manage(*life(place, arguments), env={**environment, **QUIET}))


def main() -> int:
    os.umask(0o077)
    try:
        with stopped_by_signals():
            return live(Place(Path(os.environ.get("GJENSYN_DEMO", ROOT / "var" / "demo"))), sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
