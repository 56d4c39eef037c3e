"""The beat table, the routes and the queues agree with the tasks there are and with who serves them."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from config import schedule
from config.celery import app
from config.local import services
from config.local.env import Place, Ports

ROOT = Path(__file__).resolve().parents[2]
BEAT = {name: entry["task"] for name, entry in schedule.beat(timedelta(seconds=1)).items()}
QUEUES = {queue.name for queue in schedule.QUEUES}
SEND = "panel.invitations.tasks.send_chunk"


@pytest.fixture(scope="module")
def tasks():
    """The tasks a worker knows, Celery's own left out."""
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def queues_of(words):
    """What a worker started with these words serves; without --queues it is every declared one."""
    named = [after for word, after in zip(words, words[1:], strict=False) if word in {"-Q", "--queues"}]
    return set(named[0].split(",")) if named else QUEUES


@pytest.mark.parametrize("name", BEAT)
def test_every_beat_entry_names_a_registered_task(name, tasks):
    assert BEAT[name] in tasks


def test_every_route_leads_from_a_registered_task_to_a_declared_queue(tasks):
    assert set(schedule.ROUTES) <= tasks
    assert {route["queue"] for route in schedule.ROUTES.values()} <= QUEUES


def test_every_task_is_called_by_the_clock_or_is_the_sending_of_a_chunk(tasks):
    """A task that nobody calls would look like work that is done."""
    assert tasks == {*BEAT.values(), SEND}


def test_letters_have_a_queue_of_their_own_and_all_else_the_default_one(tasks):
    queue = {name: app.amqp.router.route({}, name)["queue"].name for name in tasks}
    assert {name for name, of in queue.items() if of == "letters"} == {SEND}
    assert set(queue.values()) == QUEUES


def test_the_local_worker_serves_every_queue(tmp_path):
    children = services.children(Place(tmp_path), Ports(8000, 8025, 1025))
    (worker,) = [child for child in children if child.name == "worker"]
    assert queues_of([str(word) for word in worker.argv]) == QUEUES


def test_the_composed_worker_serves_every_queue():
    """Compose names the process, the entrypoint how it is started."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    assert compose["services"]["worker"]["command"] == ["worker"]
    (line,) = [
        line.split()
        for line in (ROOT / "docker" / "entrypoint.sh").read_text().splitlines()
        if "exec celery" in line and " worker " in line
    ]
    assert "--queues" in line
    assert queues_of(line) == QUEUES
