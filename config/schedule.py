"""The whole beat table and all queue names, on one screen. Tasks are shells; what they do is in the packages."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab
from kombu import Queue

#: Letters have a queue of their own, so that a nightly job never stands before an invitation.
QUEUES = (Queue("default"), Queue("letters"))

#: How old a withdrawal gets at most before it stands outside the databases.
JOURNAL_TICK = timedelta(seconds=5)

ROUTES = {"panel.invitations.tasks.send_chunk": {"queue": "letters"}}


def _nightly(task: str, hour: str, minute: str) -> dict[str, Any]:
    return {"task": task, "schedule": crontab(hour=hour, minute=minute)}


def beat(tick: timedelta) -> dict[str, dict[str, Any]]:
    """The beat table; `tick` is how often the outbox is looked at (30 s, shorter in the example study).

    What nobody waits for is looked at ten times less often.
    """
    unhurried = tick * 10
    return {
        "invitations-queue-due": {"task": "panel.invitations.tasks.queue_due", "schedule": tick},
        "invitations-dispatch": {"task": "panel.invitations.tasks.dispatch", "schedule": tick},
        "invitations-sweep": {"task": "panel.invitations.tasks.sweep_leases", "schedule": tick},
        "invitations-read-returns": {"task": "panel.invitations.tasks.read_returns", "schedule": unhurried},
        "invitations-trials": {"task": "panel.invitations.tasks.send_trials", "schedule": tick},
        "invitations-drop-links": _nightly("panel.invitations.tasks.drop_links", "3", "50"),
        "waves-open-and-close": {"task": "panel.waves.tasks.turn", "schedule": tick},
        "journal-write": {"task": "panel.journal.tasks.write", "schedule": min(tick, JOURNAL_TICK)},
        "audit-seal": {"task": "panel.audit.tasks.seal", "schedule": tick},
        "audit-anchor": _nightly("panel.rights.tasks.anchor_audit", "4", "20"),
        "residency-sweep": _nightly("panel.residency.tasks.sweep_completions", "3", "10"),
        "rights-nightly": _nightly("panel.rights.tasks.nightly", "3", "20"),
        "rights-project-ends": {"task": "panel.rights.tasks.carry_out_ends", "schedule": unhurried},
        "rights-retention": _nightly("panel.rights.tasks.look_at_retention", "4", "10"),
        "rights-lost-links": {"task": "panel.rights.tasks.mail_links", "schedule": tick},
        "rights-complaints": {"task": "panel.rights.tasks.heed_complaints", "schedule": tick},
        "rights-copies": {"task": "panel.rights.tasks.make_copies", "schedule": tick},
        "rights-addresses": {"task": "panel.rights.tasks.turn_addresses", "schedule": tick},
        "enrolment-rotate-intake": _nightly("panel.enrolment.tasks.rotate_intake", "3", "30"),
        "rights-erase-due": {"task": "panel.rights.tasks.erase_due", "schedule": tick},
        "vault-sweep-orphans": _nightly("panel.enrolment.tasks.sweep_orphans", "3", "40"),
        "enrolment-drop-staged": {"task": "panel.enrolment.tasks.drop_staged", "schedule": unhurried},
    }
