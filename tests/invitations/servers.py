"""A mail server for tests whose answers the test decides, in a thread of this process. Real SMTP over
loopback.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from config.local.process import free_port


@dataclass
class Server:
    """Says yes to everything unless told otherwise; `arrived` is what it took, in order."""

    port: int = 0
    arrived: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    on_mail: Callable[[str], str] = lambda _sender: "250 OK"
    on_rcpt: Callable[[str], str] = lambda _recipient: "250 OK"
    on_data: Callable[[str], str] = lambda _recipient: "250 OK"
    seconds: float = 0
    accepted_at: list[float] = field(default_factory=list)

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.on_mail(address)
        if answer.startswith("2"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.on_rcpt(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        answer = self.on_data(envelope.rcpt_tos[0])
        if answer == "break":
            self._take(envelope)
            server.transport.abort()  # type: ignore[union-attr]
        elif answer.startswith("2"):
            self._take(envelope)
        return answer

    def _take(self, envelope: Any) -> None:
        content: bytes = envelope.content
        self.arrived.append(BytesParser(policy=policy.default).parsebytes(content))
        self.recipients.append(envelope.rcpt_tos[0])
        self.accepted_at.append(time.monotonic())


@contextmanager
def mail_server(**changes: Any) -> Iterator[Server]:
    """The server, listening on a free port of this machine."""
    server = Server(port=free_port(), **changes)
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
