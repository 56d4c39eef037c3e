"""A small faithful OpenID Connect server on this machine: discovery, authorise, token, userinfo, JWKS.

It checks what a real one checks: the registered client and its secret, the address to come back to, PKCE, that a
code works once; and signs its id_tokens. `person` says who sits at it; `wrong` makes it answer as it must not.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "gjensyn", "a client's secret"


@dataclass
class Institution:
    """Its state; `back` is the only address it sends people back to."""

    back: str
    port: int = 0
    person: dict[str, Any] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def discovery(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "auth", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            **{name: f"{self.issuer}/{path}" for name, path in paths.items()},
        }

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorise(self, asked: dict[str, str]) -> str | None:
        """Where the browser goes next; None for a client it does not know."""
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != self.back:
            return None
        if "refuses" in self.wrong:
            return f"{self.back}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{self.back}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str], login: str) -> dict[str, Any] | None:
        """An access token and a signed id_token for a code; None where something does not fit."""
        asked = self.codes.pop(given.get("code", ""), None)
        client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or login != f"Basic {client}" or given.get("redirect_uri") != self.back:
            return None
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.get("code_challenge"):
            return None
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.person["sub"], "jti": token}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 300}
        return {"access_token": token, "token_type": "Bearer", **self._signed(claims)}

    def _signed(self, claims: dict[str, Any]) -> dict[str, str]:
        changes: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another"},
            "issuer": {"iss": "http://127.0.0.1:1"},
            "old": {"exp": 1},
        }
        for name in self.wrong & changes.keys():
            claims |= changes[name]
        if "no id_token" in self.wrong:
            return {}
        key = rsa.generate_private_key(65537, 2048) if "signature" in self.wrong else self.key
        return {"id_token": jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})}

    def userinfo(self, login: str) -> dict[str, Any] | None:
        if login.removeprefix("Bearer ") not in self.tokens:
            return None
        return {**self.person, **({"sub": "somebody-else"} if "userinfo" in self.wrong else {})}


@contextmanager
def running(back: str) -> Iterator[Institution]:
    """The server, for as long as the block."""
    one = Institution(back)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *given: Any) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            path, login = urlsplit(self.path), self.headers.get("Authorization", "")
            if path.path == "/auth":
                where = one.authorise({key: values[0] for key, values in parse_qs(path.query).items()})
                self.send_response(302 if where else 400)
                self.send_header("Location", where or "")
                self.end_headers()
                return
            pages = {
                "/.well-known/openid-configuration": one.discovery,
                "/jwks": one.jwks,
                "/userinfo": lambda: one.userinfo(login),
            }
            self._say(pages[path.path]() if path.path in pages else None)

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {key: values[0] for key, values in parse_qs(text).items()}
            self._say(one.token(given, self.headers.get("Authorization", "")))

        def _say(self, data: Any) -> None:
            self.send_response(200 if data is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(data or {"error": "invalid_request"}).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
