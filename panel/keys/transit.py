"""KEK versions sealed by the transit engine of HashiCorp Vault or OpenBao, through `hvac` (an optional extra).

The engine's key never leaves the server; what it sealed lies in the KEK file. It archives its own old versions and
can't destroy one alone, which is why ours are destroyed in the file. The version is bound as associated data.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from panel.errors import Damaged, Unreachable
from panel.keys.sealers import checked, damaged, library

REQUIREMENTS = "requirements-openbao.txt"
SECONDS = 10
#: The engine's own words, all under status 400.
NOT_THIS = ("message authentication failed", "invalid ciphertext")
TOO_OLD, NO_KEY = "disallowed by policy (too old)", "encryption key not found"


@dataclass(frozen=True)
class Transit:
    """One key of the engine. The token is read from its file at each call, for an agent renews it there."""

    url: str
    key: str
    token_file: Path
    mount: str = "transit"
    namespace: str = ""
    ca_file: str = ""

    name = "transit"

    def seal(self, key: bytes, version: int) -> str:
        with self._engine(version) as engine:
            answer = engine.encrypt_data(
                name=self.key,
                plaintext=base64.b64encode(key).decode(),
                associated_data=_bound(version),
                mount_point=self.mount,
            )
            return str(answer["data"]["ciphertext"])

    def open(self, sealed: str, version: int) -> bytes:
        with self._engine(version) as engine:
            answer = engine.decrypt_data(
                name=self.key, ciphertext=sealed, associated_data=_bound(version), mount_point=self.mount
            )
            return checked(base64.b64decode(answer["data"]["plaintext"]), version)

    @contextmanager
    def _engine(self, version: int) -> Iterator[Any]:
        """The engine while it is asked one thing; what goes wrong becomes a sentence."""
        hvac, requests = library("hvac", REQUIREMENTS), library("requests", REQUIREMENTS)
        client = hvac.Client(
            url=self.url,
            token=self._token(),
            namespace=self.namespace or None,
            verify=self.ca_file or True,
            timeout=SECONDS,
        )
        try:
            yield client.secrets.transit
        except hvac.exceptions.VaultError as error:
            raise _refusal(error, hvac.exceptions, version) from None
        except (requests.RequestException, KeyError, TypeError, ValueError):
            # `from None`: the library's own words hold the request, and with it a key
            raise Unreachable(_("The transit engine of KEK_TRANSIT_URL does not answer.")) from None
        finally:
            client.adapter.close()

    def _token(self) -> str:
        try:
            return self.token_file.read_text().strip()
        except OSError:
            raise Unreachable(
                _("The token's file, KEK_TRANSIT_TOKEN_FILE, can't be read."), permanent=True
            ) from None


def _bound(version: int) -> str:
    return base64.b64encode(f"gjensyn/kek/{version}".encode()).decode()


def _refusal(error: Any, kinds: Any, version: int) -> Damaged | Unreachable:
    """Which kind of refusal an answer of the server is, and whether trying again makes sense."""
    words = " ".join(error.errors or ())
    if isinstance(error, kinds.InvalidRequest) and any(word in words for word in NOT_THIS):
        return damaged(version)
    if isinstance(error, kinds.InvalidRequest) and TOO_OLD in words:
        return Unreachable(
            _("The transit key no longer opens what it sealed: lower its min_decryption_version."),
            permanent=True,
        )
    if isinstance(error, kinds.InvalidPath) or NO_KEY in words:
        return Unreachable(
            _("The transit engine has no such key or mount: see KEK_TRANSIT_KEY and KEK_TRANSIT_MOUNT."),
            permanent=True,
        )
    if isinstance(error, kinds.InvalidRequest):
        return Unreachable(
            _("The transit engine refuses the request: the key's type must be aes256-gcm96."), permanent=True
        )
    if isinstance(error, kinds.Unauthorized | kinds.Forbidden):
        return Unreachable(
            _("The transit engine refuses this token: renew it, or give it its policy."), permanent=True
        )
    return Unreachable(_busy(error, kinds))


def _busy(error: Any, kinds: Any) -> str:
    if isinstance(error, kinds.VaultDown | kinds.VaultNotInitialized):
        return _("The transit engine is sealed or in maintenance: unseal it, then try again.")
    if isinstance(error, kinds.RateLimitExceeded):
        return _("The transit engine has too much to do: try again later.")
    return _("The transit engine failed: try again later, and see its log.")
