"""What all commands share: exit status, JSON on request, a bar on terminals only."""

import json
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consent.errors import ConsentError
from panel import commands
from panel.commands import Answer, ServiceCommand, WrongCall, progress_bar
from panel.errors import NotAllowed


class Command(ServiceCommand):
    """Does what the test asks."""

    requires_system_checks: list[str] = []

    def __init__(self, does: Any) -> None:
        super().__init__()
        self.does = does

    def act(self, **options: Any) -> Answer:
        if isinstance(self.does, Exception):
            raise self.does
        answer: Answer = self.does
        return answer


SAYS = Answer({"number": 1, "name": "Åse"}, ["One line.", "Another."])


def test_lines_for_people_and_json_for_machines(capsys):
    call_command(Command(SAYS))
    assert capsys.readouterr().out == "One line.\nAnother.\n"
    call_command(Command(SAYS), "--json")
    assert json.loads(capsys.readouterr().out) == {"number": 1, "name": "Åse"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowed("Ask the leader."), 1),
        (ConsentError("Ask the leader."), 1),
        (commands.Refused("Ask the leader."), 1),
        (WrongCall("Ask the leader."), 2),
    ],
)
def test_refusals_end_with_their_status_and_their_sentence_on_stderr(capsys, error, status):
    with pytest.raises(CommandError) as ended:
        call_command(Command(error))
    assert (ended.value.returncode, str(ended.value)) == (status, "Ask the leader.")
    with pytest.raises(SystemExit) as left:
        Command(error).run_from_argv(["manage.py", "command"])
    written = capsys.readouterr()
    assert left.value.code == status
    assert written.out == ""
    assert written.err.strip().endswith("Ask the leader.")
    assert len(written.err.splitlines()) == 1


def test_a_wrong_call_ends_with_2(capsys):
    with pytest.raises(SystemExit) as left:
        Command(SAYS).run_from_argv(["manage.py", "command", "--what"])
    assert left.value.code == 2
    assert "--what" in capsys.readouterr().err


def test_a_verdict_of_no_is_printed_and_ends_with_1(capsys):
    with pytest.raises(CommandError) as ended:
        call_command(Command(Answer({"k": 1}, ["k is 1"], refused="Below k = 6.")), "--json")
    assert (ended.value.returncode, str(ended.value)) == (1, "Below k = 6.")
    assert json.loads(capsys.readouterr().out) == {"k": 1}


def test_errors_nobody_foresaw_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        call_command(Command(ZeroDivisionError()))


def test_a_bar_is_drawn_on_a_terminal_only(capsys, monkeypatch):
    with progress_bar("Reading") as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar("Reading") as progress:
        progress(2, 2)
    written = capsys.readouterr()
    assert "Reading" in written.err
    assert written.out == ""
