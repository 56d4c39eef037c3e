"""An SMTP server that takes every letter and keeps only a count, its recipients and a few letters to look at.

    python -m bench._sink PORT FILE

In a process of its own, as light as Python allows, so that the sender is what is measured. On SIGTERM it writes
FILE. Speaks EHLO with PIPELINING and 8BITMIME, and refuses nothing.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

HELLO = b"250-sink.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
KEEP_EVERY = 997
LINE, END = b"\r\n", b"\r\n.\r\n"


class Taken:
    """What arrived so far."""

    def __init__(self) -> None:
        self.letters = self.bytes = self.connections = 0
        self.recipients: set[bytes] = set()
        self.kept: list[bytes] = []

    def take(self, buffer: bytearray, end: int) -> None:
        """What stands before the end; only now and then is it looked at."""
        if not self.letters % KEEP_EVERY:
            self.kept.append(bytes(buffer[:end]))
        self.letters += 1
        self.bytes += end

    def write(self, file: Path) -> None:
        kept = [content.decode() for content in self.kept]
        counts = {"letters": self.letters, "bytes": self.bytes, "recipients": len(self.recipients)}
        file.write_text(json.dumps(counts | {"connections": self.connections, "kept": kept}))


class Line(asyncio.Protocol):
    """One connection. Answers to commands that came together leave together (RFC 2920)."""

    def __init__(self, taken: Taken) -> None:
        self.taken, self.buffer, self.in_content = taken, bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.taken.connections += 1
        transport.write(b"220 sink.example.org\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while (at := self.buffer.find(END if self.in_content else LINE)) >= 0:
            if self.in_content:
                self.taken.take(self.buffer, at)
                self.in_content = False
                answers.append(b"250 2.0.0 taken\r\n")
                del self.buffer[: at + len(END)]
            else:
                answers.append(self.command(bytes(self.buffer[:at])))
                del self.buffer[: at + len(LINE)]
        if answers:
            self.transport.write(b"".join(answers))

    def command(self, line: bytes) -> bytes:
        word = line[:4].upper()
        if word == b"RCPT":
            self.taken.recipients.add(line)
        elif word == b"DATA":
            self.in_content = True
            return b"354 go on\r\n"
        elif word == b"EHLO":
            return HELLO
        elif word == b"QUIT":
            self.transport.write(b"221 2.0.0 bye\r\n")
            self.transport.close()
            return b""
        return b"250 2.0.0 ok\r\n"


async def serve(port: int, file: Path) -> None:
    """Until SIGTERM."""
    taken, over, loop = Taken(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: taken.write(file))
    server = await loop.create_server(lambda: Line(taken), "127.0.0.1", port)
    async with server:
        await over.wait()
    taken.write(file)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
