"""The Celery application. What runs when, and on which queue, stands in config/schedule.py."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_init
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("gjensyn")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def keep_connections(sender: Any, **_: Any) -> None:
    """Connections live on from task to task as from request to request (CONN_MAX_AGE), and dead ones are left.

    Celery by itself opens new ones for each task: in sending, a quarter of all processor time. A task that runs
    where it is called (eager) leaves its caller's connection, and the transaction on it, alone.
    """
    if not sender.request.is_eager:
        close_old_connections()


task_prerun.connect(keep_connections, weak=False)
task_postrun.connect(keep_connections, weak=False)


def leave_the_loaded_alone(**_: Any) -> None:
    """The garbage collector looks no more at what a worker loaded before its first task, and at the rest less often.

    A thousand letters are many small objects of which hardly any is garbage: looking each 700 took a sixth of the time.
    Done before the processes that run tasks are forked: what it would touch in each, they share.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


worker_init.connect(leave_the_loaded_alone, weak=False)
