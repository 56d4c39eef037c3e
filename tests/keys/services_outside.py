"""Small faithful fakes of two HTTP interfaces: the transit engine of Vault/OpenBao, and AWS KMS.

They do what the real ones do with what we ask: authenticated encryption under a key that never leaves, bound to
associated data or encryption context; the same refusals in the same words and statuses. Real clients (hvac,
boto3) talk to them over a socket. Not modelled: everything we don't call.
"""

import base64
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from panel.keys import crypto

Answer = tuple[int, dict[str, Any]]


class Outside(ABC):
    """What both share: a key, a trouble to be in, and a note of each call."""

    def __init__(self) -> None:
        self.cipher = AESGCM(crypto.random_key())
        self.trouble: Answer | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    @abstractmethod
    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        """Status and body, as the real one answers a POST."""

    def encrypt(self, plain: bytes, bound: bytes) -> bytes:
        nonce = crypto.random_key()[:12]
        return nonce + self.cipher.encrypt(nonce, plain, bound)

    def decrypt(self, sealed: bytes, bound: bytes) -> bytes:
        return self.cipher.decrypt(sealed[:12], sealed[12:], bound)


class TransitEngine(Outside):
    """`transit/encrypt/:name` and `transit/decrypt/:name`; one key of type aes256-gcm96, one token."""

    token, key, mount = "s.token", "gjensyn", "transit"

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        _, v1, mount, verb, name = path.split("/")
        if (v1, mount) != ("v1", self.mount):
            return errors(404, f'no handler for route "{mount}/{verb}/{name}". route entry not found.')
        if headers.get("x-vault-token") != self.token:
            return errors(403, "permission denied")
        if name != self.key:
            return errors(400, "encryption key not found")
        bound = base64.b64decode(body.get("associated_data", ""))
        if verb == "encrypt":
            sealed = self.encrypt(base64.b64decode(body["plaintext"]), bound)
            return 200, {
                "data": {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}", "key_version": 1}
            }
        prefix, version, text = (body["ciphertext"].split(":") + ["", ""])[:3]
        if (prefix, version) != ("vault", "v1"):
            return errors(400, "invalid ciphertext: no prefix")
        try:
            plain = self.decrypt(base64.b64decode(text), bound)
        except InvalidTag:
            return errors(400, "cipher: message authentication failed")
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


def errors(status: int, *words: str) -> Answer:
    """As Vault and OpenBao tell what is wrong."""
    return status, {"errors": list(words)}


class KeyManagement(Outside):
    """`TrentService.Encrypt` and `.Decrypt`; one symmetric key, one access key."""

    access_key, key = "AKIDEXAMPLE", "alias/gjensyn"

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        assert headers["content-type"] == "application/x-amz-json-1.1"
        if f"Credential={self.access_key}/" not in headers["authorization"]:
            return fault(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        if body["KeyId"] != self.key:
            return fault("NotFoundException", "Alias is not found.")
        bound = json.dumps(body.get("EncryptionContext", {}), sort_keys=True).encode()
        if headers["x-amz-target"] == "TrentService.Encrypt":
            sealed = self.encrypt(base64.b64decode(body["Plaintext"]), bound)
            return 200, {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": self.key}
        try:
            plain = self.decrypt(base64.b64decode(body["CiphertextBlob"]), bound)
        except (InvalidTag, ValueError):
            return fault("InvalidCiphertextException")
        return 200, {"Plaintext": base64.b64encode(plain).decode(), "KeyId": self.key}


def fault(code: str, message: str = "", status: int = 400) -> Answer:
    """As KMS tells what is wrong."""
    return status, {"__type": code, "message": message}


@contextmanager
def serving(outside: Outside) -> Iterator[None]:
    """The fake at `outside.url` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            outside.calls.append((self.path, body))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = outside.trouble or outside.answer(self.path, headers, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_PUT = do_POST

        def log_message(self, *_args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    outside.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
