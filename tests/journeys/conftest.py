"""A town for each journey: its clock, its mail, its tasks run in this process unless a worker is asked for."""

import time
from datetime import timedelta

import pytest

from config import schedule
from config.celery import app
from panel import clock as product_clock
from panel.demo.mailbox import Mail, Mailbox
from tests.journeys import town as towns
from tests.journeys.aviary import aviary, kept, log, smtp

__all__ = ["aviary", "kept", "log", "smtp"]


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """The product's clock, set by the journey; a worker started with CLOCK_FILE reads the same."""
    made = towns.Clock(tmp_path / "clock")
    made.set(made.moment)
    monkeypatch.setattr(product_clock, "now", lambda: made.moment)
    return made


@pytest.fixture
def in_process():
    """Tasks run where they are called, and their faults are not swallowed."""
    app.loader.import_default_modules()
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


@pytest.fixture
def town(db, clock, mail_catcher):
    return towns.settle(clock, Mailbox(mail_catcher.maildir))


@pytest.fixture
def by_worker(broker):
    """A tick of which beat sends the tasks and a worker runs them; waits for so many letters."""

    def tick(town, moment, *, letters):
        town.clock.set(moment)
        came: dict[str, Mail] = {}
        end = time.monotonic() + towns.PATIENCE
        while len(came) < letters and time.monotonic() < end:
            for entry in schedule.beat(timedelta(seconds=1)).values():
                app.send_task(entry["task"], connection=broker)
            time.sleep(0.5)
            came |= town.post()
        return came

    return tick
