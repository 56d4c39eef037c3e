"""What all management commands share: exit status, `--json`, a bar on terminals. No rule of any step.

Exit status: 0 done; 1 refused (the reason on stderr: an unknown study, a file that can't be read, a threshold
not reached); 2 wrong call (what the argument parser tells by itself: a missing argument, an unknown option).
"""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console
from rich.progress import Progress

from consent.errors import ConsentError
from panel.errors import Refusal


class Refused(CommandError):
    """Ends a command with status 1."""

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence), returncode=1)


class WrongCall(CommandError):
    """Ends a command with status 2: the arguments don't go together."""

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence), returncode=2)


@dataclass(frozen=True)
class Answer:
    """What a command has to say: data for machines, lines for people.

    `refused` is set where the command did its work and the verdict is no: printed as usual, then status 1.
    """

    data: Mapping[str, Any] | Sequence[Any]
    lines: Sequence[str] = field(default_factory=list)
    refused: str = ""


class ServiceCommand(BaseCommand, ABC):
    """A command that calls services: write `arguments` and `act`, raise refusals as they come."""

    def arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    @abstractmethod
    def act(self, **options: Any) -> Answer:
        """Does it."""

    def add_arguments(self, parser: CommandParser) -> None:
        self.arguments(parser)
        parser.add_argument("--json", action="store_true", help="print JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self.act(**options)
        except (Refusal, ConsentError) as refusal:
            raise Refused(refusal) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(answer.data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
        else:
            self.stdout.write("\n".join(answer.lines))
        if answer.refused:
            raise Refused(answer.refused)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A callback `(done, total)` that draws a bar where stderr is a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
