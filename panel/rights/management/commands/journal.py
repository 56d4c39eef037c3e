"""The journal outside the databases, for an operator: how it stands, whether it is sound, what to do about it.

It stands beside rights, for a replay withdraws and erases.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.management import CommandParser

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall, progress_bar
from panel.journal import file, selectors, services
from panel.rights import replay

OPERATOR = Actor.system("operator")


def status() -> Answer:
    """How it stands now, with what waits to be written."""
    file.needed()
    standing = selectors.compare(now=clock.now())
    waiting = selectors.waiting()
    oldest = waiting.values_list("at", flat=True).first()
    data = {
        "in_step": standing.reason is None,
        "reason": standing.reason,
        "in_file": standing.in_file,
        "in_database": standing.in_table,
        "waiting": waiting.count(),
        "oldest_waiting": oldest,
    }
    line = (
        f"{standing.in_file} lines in the file, {standing.in_table} known to the database, "
        f"{data['waiting']} wait to be written (oldest: {oldest or 'none'})."
    )
    return Answer(data, [line], standing.sentence)


def verify() -> Answer:
    """The whole file, line by line."""
    verdict = selectors.verify(file.needed())
    line = f"{verdict.in_file} lines hold; the database knows {verdict.in_table}, {verdict.waiting} wait."
    return Answer(asdict(verdict), [line], verdict.fault)


def again(*, past_damage: bool = False) -> Answer:
    """Do it again; refused at the end where database and file are still not in step."""
    with progress_bar("Replaying the journal") as progress:
        done = replay.replay(by=OPERATOR, now=clock.now(), past_damage=past_damage, progress=progress)
    lines = [
        f"{done.applied} lines done again, {done.stood} stood already, {done.lost} are of what the backup lost.",
        f"Erased again: {done.erased_again} contact cards.",
    ]
    if done.lost_members:
        lines.append(
            f"Lost: {done.lost_members} members of {done.lost_runs} files enrolled after the backup. "
            "Enrol those files again."
        )
    if done.lost_heads:
        lines.append(
            f"The audit chain was cut by the restore: {done.lost_heads} heads noted after the backup are lost. "
            "Tell the data-protection officer, who may have them by mail."
        )
    return Answer(asdict(done), lines, selectors.compare(now=clock.now()).sentence)


def rebuild() -> Answer:
    """From the database; the harmed file stays beside it."""
    lines = services.rebuild(by=OPERATOR, now=clock.now())
    return Answer(
        {"lines": lines}, [f"{lines} lines were written. The old file stays beside it, under its day."]
    )


def accept_clock() -> Answer:
    """A person has looked at the clock."""
    now = clock.now()
    services.accept_clock(by=OPERATOR, now=now)
    return Answer({"now": now}, [f"The time is taken as right: {now.isoformat()}."])


WORK: dict[str, Callable[[], Answer]] = {
    "status": status,
    "verify": verify,
    "replay": again,
    "rebuild": rebuild,
    "accept-clock": accept_clock,
}


class Command(ServiceCommand):
    help = "The journal of withdrawals and erasures: status, verify, replay, rebuild, accept-clock."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=WORK, metavar="|".join(WORK))
        past = "replay only: go on behind a damaged line with all that are sound, then `journal rebuild`"
        parser.add_argument("--past-damage", action="store_true", help=past)

    def act(self, **options: Any) -> Answer:
        if options["past_damage"] and options["what"] != "replay":
            raise WrongCall("--past-damage goes with replay only.")
        return again(past_damage=True) if options["past_damage"] else WORK[options["what"]]()
