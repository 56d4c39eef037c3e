"""A small IMAP server over TLS for tests, in a thread of this process: one folder, and one to put things aside."""

import datetime
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "fjord and birch"


def certificate(folder: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    day = datetime.datetime.now(tz=datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(day - datetime.timedelta(days=1))
        .not_valid_after(day + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "localhost.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Folders(socketserver.ThreadingTCPServer):
    """What the server holds: messages by uid."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, cert: Path, *, uidplus: bool = True) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert)
        self.inbox: dict[int, bytes] = {}
        self.aside: list[bytes] = []
        self.deleted: set[int] = set()
        self.uidplus = uidplus
        self.hangs_up_after = 10**6  # commands
        super().__init__(("127.0.0.1", 0), Talk)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self):
        plain, address = super().get_request()
        return self.tls.wrap_socket(plain, server_side=True), address

    def handle_error(self, request, client_address):
        """A client that leaves is none of the server's troubles."""


class Talk(socketserver.StreamRequestHandler):
    """One conversation."""

    server: Folders

    def handle(self) -> None:
        self.say("* OK ready")
        for number, line in enumerate(iter(self.rfile.readline, b"")):
            if number >= self.server.hangs_up_after:
                return
            tag, _, rest = line.decode().strip().partition(" ")
            command, _, given = rest.partition(" ")
            if command.upper() == "UID":
                command, _, given = given.partition(" ")
            answer = getattr(self, f"do_{command.lower()}")(given)
            self.say(f"{tag} {answer or 'OK done'}")
            if command.upper() == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def do_capability(self, _given: str) -> None:
        self.say("* CAPABILITY IMAP4rev1" + (" UIDPLUS" if self.server.uidplus else ""))

    def do_login(self, given: str) -> str | None:
        return None if PASSWORD in given else "NO wrong"

    def do_select(self, given: str) -> str | None:
        if "INBOX" not in given:
            return "NO no such folder"
        self.say(f"* {len(self.server.inbox)} EXISTS")
        return "OK [READ-WRITE] selected"

    def do_search(self, _given: str) -> None:
        self.say("* SEARCH " + " ".join(map(str, sorted(self.server.inbox))))

    def do_fetch(self, given: str) -> None:
        uid = int(given.split()[0])
        most = int(re.findall(r"<0\.(\d+)>", given)[0])
        content = self.server.inbox.get(uid)
        if content is not None:
            self.wfile.write(
                b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n" % (uid, len(content[:most]), content[:most])
            )

    def do_store(self, given: str) -> None:
        self.server.deleted.add(int(given.split()[0]))

    def do_expunge(self, given: str) -> None:
        for uid in {int(given)} if given else set(self.server.deleted):
            self.server.inbox.pop(uid, None)
            self.server.deleted.discard(uid)

    def do_create(self, _given: str) -> str:
        return "NO it is there"

    def do_copy(self, given: str) -> None:
        self.server.aside.append(self.server.inbox[int(given.split()[0])])

    def do_close(self, _given: str) -> None:
        return None

    def do_logout(self, _given: str) -> None:
        self.say("* BYE")


@contextmanager
def serving(cert: Path, *, uidplus: bool = True) -> Iterator[Folders]:
    """The server while it is used."""
    with Folders(cert, uidplus=uidplus) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                server.shutdown()
            thread.join()
