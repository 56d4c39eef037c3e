"""The mailbox that returned letters come to: a Maildir or an IMAP folder, read one message at a time.

A message leaves it only when the caller says so, after its outcome is committed; until then another run sees it again.
What nobody can use is moved aside, never deleted. Knows nothing of what a message means.
"""

import imaplib
import mailbox
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow, Unreachable

#: A message that is longer isn't read whole: a person looks at it.
MESSAGE_MAX = 25 * 1024 * 1024
#: Where in the mailbox messages go that a person must look at.
ASIDE = "aside"
TIMEOUT = 30


@dataclass(frozen=True)
class Message:
    """One message of a mailbox, by the mailbox's own name for it; `repr` shows nothing of it."""

    name: str
    content: bytes = field(repr=False)

    @property
    def too_long(self) -> bool:
        return len(self.content) > MESSAGE_MAX


class Source(ABC):
    """A mailbox: what lies in it, and two ways out of it."""

    @abstractmethod
    def messages(self, limit: int) -> Iterator[Message]:
        """At most so many of its messages, each read when it is its turn."""

    @abstractmethod
    def remove(self, message: Message) -> None:
        """It was dealt with, and nothing of it is kept."""

    @abstractmethod
    def put_aside(self, message: Message) -> None:
        """Into a folder of its own, for a person to look at."""


class Maildir(Source):
    """A directory with new/ and cur/, as a mail server on the same machine fills it."""

    def __init__(self, path: Path) -> None:
        if not (path / "new").is_dir() or not (path / "cur").is_dir():
            raise BadInput(_("There is no Maildir: a directory that holds new, cur and tmp."))
        (path / "tmp").mkdir(exist_ok=True)
        self.box = mailbox.Maildir(path, create=False)

    def messages(self, limit: int) -> Iterator[Message]:
        for name in islice(sorted(self.box.keys()), limit):
            with suppress(KeyError, FileNotFoundError):  # another program took it meanwhile
                with self.box.get_file(name) as file:
                    content = file.read(MESSAGE_MAX + 1)
                yield Message(name, content)

    def remove(self, message: Message) -> None:
        self.box.discard(message.name)

    def put_aside(self, message: Message) -> None:
        folder = self.box.add_folder(ASIDE)
        with suppress(KeyError, FileNotFoundError):  # another run did it
            path = Path(self.box._path) / self.box._lookup(message.name)  # type: ignore[attr-defined]
            path.rename(Path(folder._path) / "cur" / path.name)  # type: ignore[attr-defined]


class Imap(Source):
    """A folder on an IMAP server, over TLS."""

    def __init__(self, server: imaplib.IMAP4, folder: str) -> None:
        self.server, self.folder = server, folder

    def messages(self, limit: int) -> Iterator[Message]:
        for uid in b" ".join(self._asked("SEARCH", "ALL")).split()[:limit]:
            name = uid.decode("ascii", "replace")
            # PEEK: reading leaves no mark, so that an interrupted run changes nothing
            found = self._asked("FETCH", name, f"(BODY.PEEK[]<0.{MESSAGE_MAX + 1}>)")
            if found:  # else another program took it meanwhile
                yield Message(name, found[0])

    def remove(self, message: Message) -> None:
        self._asked("STORE", message.name, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self.server.capabilities:
            self._asked("EXPUNGE", message.name)  # this one alone, whatever others marked
        else:
            self.server.expunge()

    def put_aside(self, message: Message) -> None:
        self.server.create(ASIDE)  # refused where it is there already, which is as good
        self._asked("COPY", message.name, ASIDE)
        self.remove(message)

    def _asked(self, command: str, *arguments: str) -> list[bytes]:
        """The answer's parts; of one that brings a text, the text."""
        answer, data = self.server.uid(command, *arguments)
        if answer != "OK":
            raise Unreachable(
                _(
                    "The mail server of returned letters refused a command. It is tried again at the next look."
                )
            )
        texts: list[bytes] = [part[1] for part in data if isinstance(part, tuple)]
        return texts or [part for part in data if isinstance(part, bytes)]


@contextmanager
def configured() -> Iterator[Source]:
    """The mailbox that BOUNCE_MAILBOX names."""
    where = urlsplit(settings.BOUNCE_MAILBOX)
    if where.scheme == "maildir":
        yield Maildir(Path(unquote(where.path)))
    elif where.scheme == "imaps":
        with _logged_in(where.hostname or "", where.port or 993, unquote(where.username or "")) as server:
            folder = unquote(where.path.strip("/")) or "INBOX"
            if server.select(f'"{folder}"')[0] != "OK":
                raise BadInput(_("The mail server has no such folder: look at BOUNCE_MAILBOX."))
            yield Imap(server, folder)
    else:
        raise NotNow(_("No mailbox for returned letters is set: give BOUNCE_MAILBOX."))


@contextmanager
def _logged_in(host: str, port: int, user: str) -> Iterator[imaplib.IMAP4]:
    try:
        server = imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=TIMEOUT)
        try:
            _log_in(server, user)
            yield server
        finally:
            _leave(server)
    except (imaplib.IMAP4.abort, OSError) as error:
        raise Unreachable(
            _("The mail server of returned letters can’t be reached. It is tried again at the next look.")
        ) from error


def _leave(server: imaplib.IMAP4) -> None:
    try:
        server.logout()
    except (imaplib.IMAP4.error, OSError):  # the line broke: nothing more can be said on it
        with suppress(OSError):
            server.shutdown()


def _log_in(server: imaplib.IMAP4, user: str) -> None:
    try:
        server.login(user, settings.BOUNCE_MAILBOX_PASSWORD)
    except imaplib.IMAP4.error as error:
        sentence = _("The mail server of returned letters refused the log-in: look at its user and password.")
        raise Unreachable(sentence, permanent=True) from error
