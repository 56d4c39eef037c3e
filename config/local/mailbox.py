"""A mail catcher for one machine: SMTP on 127.0.0.1 into a Maildir. Nothing leaves the machine.

Recipients listed in a text file are refused with 550, for the example's addresses that bounce. The web reader
of the letters is in mailreader.py; `python -m config.local.mailbox` runs both.
"""

import argparse
import contextlib
import mailbox
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from config.local import mailreader


class Catcher:
    """aiosmtpd's handler: refuse the listed, keep the rest, one file for each recipient."""

    def __init__(self, maildir: Path, refuse: Path | None = None) -> None:
        self.box = mailbox.Maildir(maildir, create=True)
        self.refuse = refuse

    def refused(self) -> set[str]:
        """Read anew each time, so that an address can be listed while the catcher runs."""
        if self.refuse is None or not self.refuse.exists():
            return set()
        return {line.strip().casefold() for line in self.refuse.read_text().splitlines() if line.strip()}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.casefold() in self.refused():
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        for address in envelope.rcpt_tos:
            # as a mail server that delivers: to whom, and where it goes back to (RFC 5321, 4.4)
            head = f"Delivered-To: {address}\r\nReturn-Path: <{envelope.mail_from or ''}>\r\n"
            self.box.add(head.encode() + content)
        return "250 OK"


@contextmanager
def catcher(
    maildir: Path, port: int, refuse: Path | None = None, *, host: str = "127.0.0.1"
) -> Iterator[Catcher]:
    """Catch mail on this port until the block ends."""
    maildir.parent.mkdir(parents=True, exist_ok=True)
    handler = Catcher(maildir, refuse)
    controller = Controller(handler, hostname=host, port=port)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Catch mail and show it in the browser.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen; other than this only in a container"
    )
    parser.add_argument("--maildir", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--web-port", type=int, default=8025)
    parser.add_argument("--refuse", type=Path, help="text file of recipients to refuse, one a line")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        catcher(options.maildir, options.smtp_port, options.refuse, host=options.host),
        mailreader.server(options.maildir, options.web_port, host=options.host) as web,
        contextlib.suppress(KeyboardInterrupt),
    ):
        web.serve_forever()


if __name__ == "__main__":
    main()
