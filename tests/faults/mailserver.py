"""A mail server as bad as the worst ones, in a process of its own; it notes what it took before it says so.

Each letter's trouble follows from its recipient and a seed alone, so a run can be repeated. What happened stands in a
file, a line each; orders come over a socket (`Orders` is the other end). Real SMTP, by hand, for a library's server
breaks no line where we want it broken. Knows nothing of the outbox.
"""

import asyncio
import json
import os
import random
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class Trouble(StrEnum):
    """What happens to a letter. Those of `PASSING` happen once or twice, then the letter is taken."""

    NONE = "none"
    SLOW = "slow"
    HANG_UP = "hang up"  # before the content
    BREAK_IN_DATA = "break in data"  # not taken
    BREAK_AFTER = "break after"  # taken, and nobody is told
    CLOSING = "421"
    BUSY = "450"
    LOCAL = "451"
    FULL_DISK = "452"
    LATER_AFTER_DATA = "451 after data"
    NO_MAILBOX = "550"
    MAILBOX_FULL = "552"
    POLICY = "554"


PASSING = {
    Trouble.HANG_UP,
    Trouble.CLOSING,
    Trouble.BUSY,
    Trouble.LOCAL,
    Trouble.FULL_DISK,
    Trouble.LATER_AFTER_DATA,
}
AT_RCPT = {
    Trouble.CLOSING: "421 4.3.2 closing",
    Trouble.BUSY: "450 4.2.1 mailbox busy",
    Trouble.LOCAL: "451 4.3.0 local error",
    Trouble.FULL_DISK: "452 4.3.1 no room",
    Trouble.NO_MAILBOX: "550 5.1.1 no such mailbox",
    Trouble.MAILBOX_FULL: "552 5.2.2 mailbox full",
}
AFTER_DATA = {Trouble.LATER_AFTER_DATA: "451 4.7.1 try again", Trouble.POLICY: "554 5.7.1 not wanted"}
#: Those by which nobody can know whether the letter arrived.
DOUBTFUL = {Trouble.BREAK_IN_DATA, Trouble.BREAK_AFTER}
TAKEN = "taken"
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([0-9a-f]{32})@", re.IGNORECASE | re.MULTILINE)


class Noted(NamedTuple):
    """A line of the server's file: when, whose letter (number of the recipient), its id if it came so far."""

    at: float
    to: str
    letter: str
    what: str


def trouble_of(to: str, seed: int, weights: Mapping[str, float]) -> tuple[Trouble, int]:
    """What this recipient's letter meets, and how often. Weights are shares of one; the rest arrive."""
    dice = random.Random(f"{seed} {to}")
    at = dice.random()
    for name, weight in weights.items():
        if (at := at - weight) < 0:
            trouble = Trouble(name)
            return trouble, dice.randint(1, 2) if trouble in PASSING else 1_000_000
    return Trouble.NONE, 0


class Server:
    """What it was told, what it counts, and which letters it holds."""

    def __init__(self, notes: Path, port: int) -> None:
        self.notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.port = port
        self.seed, self.seconds = 0, 0.0
        self.weights: Mapping[str, float] = {}
        self.tries: Counter[str] = Counter()
        self.taken = self.said = 0
        self.lines: set[asyncio.StreamWriter] = set()
        self.listening: asyncio.Server | None = None
        self.gate, self.gate_after = "", 0
        self.held: list[str] = []
        self.opened = asyncio.Event()

    def note(self, to: str, letter: str, what: str) -> None:
        """Before the sender hears of it: what is taken stays taken, whatever breaks next."""
        os.write(self.notes, f"{time.time():.4f} {to} {letter or '-'} {what}\n".encode())
        self.taken += what == TAKEN

    async def at_gate(self, name: str, to: str) -> None:
        """Hold the one letter that was asked for at this point, until the gate is opened."""
        if name != self.gate:
            return
        self.gate_after -= 1
        if self.gate_after:
            return
        self.gate = ""
        self.held.append(to)
        await self.opened.wait()

    # --- orders

    async def order(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One order a line, one answer a line."""
        while line := await reader.readline():
            given = json.loads(line)
            await self.obey(given)
            answer = {
                "taken": self.taken, "said": self.said, "lines": len(self.lines), "held": self.held,
            }  # fmt: skip
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def obey(self, given: Mapping[str, Any]) -> None:
        if "plan" in given:
            self.seed, self.weights, self.seconds = given["seed"], given["plan"], given["seconds"]
            self.tries.clear()
        if "gate" in given:
            self.gate, self.gate_after = given["gate"], given["after"]
            self.held, self.opened = [], asyncio.Event()
        if given.get("open"):
            self.gate = ""
            self.opened.set()
        if "listen" in given:
            await self.listen(given["listen"])

    async def listen(self, wanted: bool) -> None:
        """Refuses connections, and drops those there are, while nothing is wanted."""
        if wanted and self.listening is None:
            self.listening = await asyncio.start_server(self.talk, "127.0.0.1", self.port, limit=1 << 20)
        elif not wanted and self.listening is not None:
            self.listening.close()
            self.listening = None
            for line in list(self.lines):
                line.transport.abort()

    # --- SMTP

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        self.lines.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.at_gate("greeting", "")
                await self.say(writer, "220 mail.example.org")
                await self.commands(reader, writer)
        finally:
            self.lines.discard(writer)
            writer.close()

    async def commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word in {b"EHLO", b"HELO"}:
                await self.say(writer, "250-mail.example.org\r\n250 8BITMIME")
            elif word == b"MAIL":
                await self.at_gate("mail", to)
                await self.say(writer, "250 2.1.0 ok")
            elif word == b"RCPT":
                to = line.partition(b"<")[2].partition(b">")[0].decode()
                if not await self.recipient(writer, to):
                    return
            elif word == b"DATA":
                if not await self.content(reader, writer, to):
                    return
            elif word == b"QUIT":
                await self.say(writer, "221 2.0.0 bye")
                return
            else:
                await self.say(writer, "250 2.0.0 ok")

    async def recipient(self, writer: asyncio.StreamWriter, to: str) -> bool:
        """Whether the line still stands after the answer."""
        trouble = self.meets(to)
        if trouble is Trouble.HANG_UP or trouble in AT_RCPT:
            self.tries[to] += 1
            self.note(to, "", trouble)
        if trouble is Trouble.HANG_UP:
            writer.transport.abort()
            return False
        await self.say(writer, AT_RCPT.get(trouble, "250 2.1.5 ok"))
        return trouble is not Trouble.CLOSING

    async def content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: str) -> bool:
        """Whether the line still stands after the content."""
        trouble = self.meets(to)
        await self.say(writer, "354 go on")
        if trouble is Trouble.BREAK_IN_DATA:
            await reader.readline()
            self.note(to, "", trouble)
            writer.transport.abort()
            return False
        text = await reader.readuntil(b"\r\n.\r\n")
        found = MESSAGE_ID.search(text)
        letter = found[1].decode() if found else "nameless"
        await self.at_gate("content", to)
        await asyncio.sleep(self.pause(to, trouble))
        if trouble in AFTER_DATA:
            self.tries[to] += 1
            self.note(to, letter, trouble)
            await self.say(writer, AFTER_DATA[trouble])
            return True
        self.note(to, letter, TAKEN)
        await self.at_gate("taken", to)
        if trouble is Trouble.BREAK_AFTER:
            self.note(to, letter, trouble)
            writer.transport.abort()
            return False
        await self.say(writer, "250 2.0.0 taken")
        return True

    def meets(self, to: str) -> Trouble:
        """The recipient's trouble, as long as it lasts."""
        trouble, times = trouble_of(to, self.seed, self.weights)
        return trouble if self.tries[to] < times else Trouble.NONE

    def pause(self, to: str, trouble: Trouble) -> float:
        slow = random.Random(to).uniform(0.5, 2.0) if trouble is Trouble.SLOW else 0.0
        return self.seconds + slow

    async def say(self, writer: asyncio.StreamWriter, words: str) -> None:
        self.said += 1
        writer.write(words.encode() + b"\r\n")
        await writer.drain()


async def serve(notes: Path, port: int, orders: Path) -> None:
    """Until SIGTERM."""
    server, over = Server(notes, port), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await server.listen(True)
    async with await asyncio.start_unix_server(server.order, orders):
        await over.wait()


class Orders:
    """The other end: gives orders and reads what the server noted."""

    def __init__(self, notes: Path, path: Path) -> None:
        self.notes, self.read_upto = notes, 0
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(30)
        self.line.connect(str(path))
        self.file = self.line.makefile("rb")

    def give(self, **order: Any) -> dict[str, Any]:
        """What the server answers: letters taken, words said, lines open, letters held at the gate."""
        self.line.sendall(json.dumps(order).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self.file.readline())
        return answer

    def plan(self, weights: Mapping[str, float] | None = None, *, seed: int = 1, seconds: float = 0) -> None:
        """The troubles of the letters from now on; `seconds` is how long each letter takes at least."""
        self.give(plan=dict(weights or {}), seed=seed, seconds=seconds)

    def noted(self) -> list[Noted]:
        """What is new in the file since the last look."""
        with self.notes.open("rb") as file:
            file.seek(self.read_upto)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read_upto += len(whole)
        parts = (line.split(" ", 3) for line in whole.decode().splitlines())
        return [Noted(float(at), to, letter, what) for at, to, letter, what in parts]

    def close(self) -> None:
        self.file.close()
        self.line.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
