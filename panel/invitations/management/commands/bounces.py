"""`bounces`: class the messages of a directory, or read the mailbox of returned letters once.

`classify DIR` changes nothing and shows no word of a message: file, class, code and a reason of our own. A Maildir or
any directory of message files. `read` does what the beat does every few minutes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.commands import Answer, Refused, ServiceCommand, WrongCall
from panel.invitations import bounces, inbound, mailbox


class Command(ServiceCommand):
    """Reads messages; `classify` writes nothing."""

    help = __doc__ or ""

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("classify", "read"))
        parser.add_argument(
            "directory", nargs="?", help="with classify: a Maildir or a directory of messages"
        )

    def act(self, **options: Any) -> Answer:
        directory = options["directory"]
        if (options["action"] == "classify") != bool(directory):
            raise WrongCall("Write `bounces classify DIRECTORY` or `bounces read`.")
        return _classify(Path(directory)) if directory else _read()


def _classify(directory: Path) -> Answer:
    if not directory.is_dir():
        raise Refused(_("There is no such directory."))
    found = [
        {"file": name, "class": str(one.kind), "code": one.code, "reason": str(one.reason)}
        for name, one in _findings(directory)
    ]
    return Answer(found, [f"{one['file']}: {one['class']} {one['code']} {one['reason']}" for one in found])


def _findings(directory: Path) -> Iterator[tuple[str, bounces.Finding]]:
    for path in sorted(_files(directory), key=lambda path: path.name):
        try:
            yield path.name, bounces.classify(path.read_bytes())
        except OSError as error:
            raise Refused(_("A message can't be read: look at the files' permissions.")) from error


def _files(directory: Path) -> Iterator[Path]:
    """A Maildir's messages lie in new and cur, all others directly in the directory."""
    folders = [directory / name for name in ("new", "cur") if (directory / name).is_dir()]
    for folder in folders or [directory]:
        yield from (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _read() -> Answer:
    with mailbox.configured() as source:
        tally = inbound.work_off(source=source, now=clock.now())
    lines = [
        f"{tally.read} messages read; passed on {tally.passed_on}, not of our letters {tally.unmatched}."
    ]
    lines += [f"{kind}: {count}" for kind, count in sorted(tally.kinds.items())]
    return Answer(tally.as_json(), lines, inbound.DAMAGED % tally.aside if tally.aside else "")
