"""What seals the keys of the KEK file: nothing (the file's mode 0600 alone), or a key from the environment.

A sealer sees a KEK version only when it is made and when a process first needs it; the outside ones have files
of their own (transit.py, kms.py). Which one is used is said by settings.KEK_PROVIDER (providers.py).
"""

import base64
import binascii
import importlib
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext as _

from panel.errors import Damaged, Unreachable
from panel.keys import crypto
from panel.keys.crypto import Place


class Sealer(Protocol):
    """Seals one version of the KEK, so that the file alone opens nothing."""

    name: str

    def seal(self, key: bytes, version: int) -> str:
        """Text for the file; it opens as this version only."""

    def open(self, sealed: str, version: int) -> bytes:
        """The key; Damaged where this is not what was sealed, Unreachable where nobody could be asked."""


def damaged(version: int) -> Damaged:
    return Damaged(
        _(
            "Version %(version)d in the KEK file does not open: changed, moved, or sealed by another key. "
            "Restore the file from its own backup."
        )
        % {"version": version}
    )


def library(name: str, requirements: str) -> Any:
    """An optional library, or the sentence that says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unreachable(
            _("The library %(name)s is missing: run `pip install -r %(requirements)s`.")
            % {"name": name, "requirements": requirements},
            permanent=True,
        ) from None


@dataclass(frozen=True)
class Clear:
    """Seals nothing: whoever reads the file has the keys, so its mode is 0600 and its disk encrypted."""

    name = "file"

    def seal(self, key: bytes, version: int) -> str:
        return base64.b64encode(key).decode()

    def open(self, sealed: str, version: int) -> bytes:
        try:
            key = base64.b64decode(sealed, validate=True)
        except binascii.Error:
            raise damaged(version) from None
        return checked(key, version)


class FromEnvironment:
    """A key in an environment variable: for development, since variables show in many places."""

    name = "environment"

    def __init__(self, key: str) -> None:
        self._key = _decoded(key)

    def seal(self, key: bytes, version: int) -> str:
        sealed = crypto.seal(key, key=self._key, place=self._place(version), version=version)
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str, version: int) -> bytes:
        try:
            key = crypto.open_sealed(base64.b64decode(sealed), key=self._key, place=self._place(version))
        except (Damaged, binascii.Error):
            raise damaged(version) from None
        return checked(key, version)

    def _place(self, version: int) -> Place:
        return Place("kek_file", "key", str(version).encode())


def _decoded(key: str) -> bytes:
    try:
        decoded = base64.b64decode(key, validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != crypto.KEY_BYTES:
        raise Unreachable(_("KEK_ENVIRONMENT is not 32 bytes in base64."), permanent=True)
    return decoded


def checked(key: bytes, version: int) -> bytes:
    """A KEK has 32 bytes; anything else was not sealed by us."""
    if len(key) != crypto.KEY_BYTES:
        raise damaged(version)
    return key
