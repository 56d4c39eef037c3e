"""The only importer of `cryptography`: sealing, wrapping, padding, deriving. Knows no table and no file.

A sealed value is magic (4 bytes) | algorithm (1) | key version (4) | nonce (12) | ciphertext | tag (16), all
under associated data that says where it stands, so that a value moved elsewhere does not open (CRY-01 to 03).
What is sealed to a public key has HPKE's encapsulated key (32) in the nonce's place.
"""

import hmac
import secrets
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from django.utils.translation import gettext as _

from panel.errors import BadInput, Damaged

MAGIC = b"GJS1"
HEADER = struct.Struct(">4sBI")
LENGTH = struct.Struct(">I")
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
BLOCK = 64


class Algorithm(IntEnum):
    """What a value is sealed with; the number is written into it."""

    AES_256_GCM = 1
    AES_256_GCM_SIV = 2
    HPKE_X25519 = 3


_ALGORITHMS = {int(one): one for one in Algorithm}
_CIPHERS: dict[Algorithm, type[AESGCM] | type[AESGCMSIV]] = {
    Algorithm.AES_256_GCM: AESGCM,
    Algorithm.AES_256_GCM_SIV: AESGCMSIV,
}
#: RFC 9180, base mode: anybody may seal to a public key, only the private one opens.
_TO_PUBLIC = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True)
class Place:
    """Where a value stands; it opens nowhere else."""

    table: str
    column: str
    row: bytes
    schema: int = 1

    def associated_data(self, header: bytes) -> bytes:
        """Length-prefixed parts, so that no two places run together (CRY-02)."""
        before, after = _around_row(header, self.table, self.column, self.schema)
        return before + LENGTH.pack(len(self.row)) + self.row + after

    def damaged(self) -> Damaged:
        return Damaged(
            _(
                "A sealed value in %(table)s.%(column)s does not open: wrong key, changed, or moved. "
                "`manage.py keys verify` names rows that don't."
            )
            % {"table": self.table, "column": self.column}
        )


@lru_cache(maxsize=64)
def _around_row(header: bytes, table: str, column: str, schema: int) -> tuple[bytes, bytes]:
    """What is the same for all rows of a column, so that a set of rows pays for it once."""
    before = b"".join(LENGTH.pack(len(part)) + part for part in (header, table.encode(), column.encode()))
    return before, LENGTH.pack(LENGTH.size) + LENGTH.pack(schema)


def random_key() -> bytes:
    """A new 256-bit key."""
    return secrets.token_bytes(KEY_BYTES)


def derive(root: bytes, label: str) -> bytes:
    """A key of its own for each use, by HKDF-SHA-256."""
    info = b"gjensyn/" + label.encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, data, "sha256")


def pad(plain: bytes, blocks: int = 1) -> bytes:
    """Fill up to 64-byte blocks, and to `blocks` of them at least (CRY-03). One 0x80, then zeros."""
    length = max(blocks, len(plain) // BLOCK + 1) * BLOCK
    return (plain + b"\x80").ljust(length, b"\0")


def unpad(padded: bytes) -> bytes:
    """What `pad` was given."""
    return padded.rstrip(b"\0")[:-1]


class SealingKey:
    """One version of one key with its cipher made once, for sets of values. Never shows the key."""

    def __init__(self, key: bytes, *, version: int = 1, algorithm: Algorithm = Algorithm.AES_256_GCM) -> None:
        self._cipher = _CIPHERS[algorithm](key)
        self.header = HEADER.pack(MAGIC, algorithm, version)
        self.version = version

    def seal(self, plain: bytes, *, place: Place, blocks: int = 1) -> bytes:
        """`plain`, padded, for `place` alone."""
        return self._encrypt(pad(plain, blocks), place)

    def open(self, sealed: bytes, *, place: Place) -> bytes:
        """What this version sealed for `place`; raises Damaged for anything else, never passes it through."""
        return unpad(self._decrypt(sealed, place))

    def move(self, sealed: bytes, *, place: Place, to: "SealingKey") -> bytes:
        """The same value under another key; its padding goes with it unread."""
        return to._encrypt(self._decrypt(sealed, place), place)

    def _encrypt(self, padded: bytes, place: Place) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        body = self._cipher.encrypt(nonce, padded, place.associated_data(self.header))
        return self.header + nonce + body

    def _decrypt(self, sealed: bytes, place: Place) -> bytes:
        header, body_at = self.header, HEADER.size + NONCE_BYTES
        if len(sealed) < body_at + TAG_BYTES or not sealed.startswith(header):
            raise place.damaged()
        nonce, body = sealed[HEADER.size : body_at], sealed[body_at:]
        try:
            return self._cipher.decrypt(nonce, body, place.associated_data(header))
        except InvalidTag:
            raise place.damaged() from None


def seal(
    plain: bytes,
    *,
    key: bytes,
    place: Place,
    version: int = 1,
    algorithm: Algorithm = Algorithm.AES_256_GCM,
    blocks: int = 1,
) -> bytes:
    """`plain`, padded, under `key`, for `place` alone. `version` says which version of the key it was."""
    return SealingKey(key, version=version, algorithm=algorithm).seal(plain, place=place, blocks=blocks)


def open_sealed(sealed: bytes, *, key: bytes, place: Place) -> bytes:
    """What was sealed for `place` under `key`; raises Damaged for anything else, never passes it through."""
    algorithm, version = _read_header(sealed, place)
    if algorithm not in _CIPHERS:
        raise place.damaged()
    return SealingKey(key, version=version, algorithm=algorithm).open(sealed, place=place)


def public_pair() -> tuple[bytes, bytes]:
    """A new X25519 pair: private and public key, 32 bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The public key of a private one; any 32 random bytes are a private key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal_to(public: bytes, plain: bytes, *, place: Place, version: int = 1, blocks: int = 1) -> bytes:
    """`plain`, padded, for `place` alone, by somebody who can't open it. The usual header, then HPKE's bytes."""
    header = HEADER.pack(MAGIC, Algorithm.HPKE_X25519, version)
    key = X25519PublicKey.from_public_bytes(public)
    return header + _TO_PUBLIC.encrypt(pad(plain, blocks), key, place.associated_data(header))


def open_with_private(sealed: bytes, *, private: bytes, place: Place) -> bytes:
    """What was sealed to the public key of `private` for `place`; raises Damaged for anything else."""
    algorithm, _version = _read_header(sealed, place)
    if algorithm != Algorithm.HPKE_X25519:
        raise place.damaged()
    header, body = sealed[: HEADER.size], sealed[HEADER.size :]
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        return unpad(_TO_PUBLIC.decrypt(body, key, place.associated_data(header)))
    except InvalidTag:
        raise place.damaged() from None


def envelope(plain: bytes, *, certificate: bytes) -> bytes:
    """`plain` for whoever has the certificate's private key, as CMS, which other programs open (RSA, AES-256-CBC)."""
    try:
        recipient = x509.load_pem_x509_certificate(certificate)
        builder = pkcs7.PKCS7EnvelopeBuilder().add_recipient(recipient)
    except (ValueError, TypeError) as error:
        raise BadInput(_("This is no RSA certificate in PEM form. Ask the archive for one.")) from error
    sealed = builder.set_data(plain).set_content_encryption_algorithm(AES256)
    return sealed.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def key_version(sealed: bytes, *, place: Place) -> int:
    """Which version of its key a value was sealed with. Not proven before the value opens."""
    return _read_header(sealed, place)[1]


def versions_of(head: bytes) -> set[int]:
    """The version the first bytes of a sealed value name; none where they are cut short."""
    return {HEADER.unpack(head)[-1]} if len(head) == HEADER.size else set()


def _read_header(sealed: bytes, place: Place) -> tuple[Algorithm, int]:
    if len(sealed) < HEADER.size + NONCE_BYTES + TAG_BYTES:
        raise place.damaged()
    magic, number, version = HEADER.unpack_from(sealed)
    algorithm = _ALGORITHMS.get(number)
    if magic != MAGIC or algorithm is None:
        raise place.damaged()
    return algorithm, version
