"""Named keyed hashes, each under a key of its own. Nobody else derives keys or calls HMAC.

Tokens and audit hang on the service key, which each process has; all that finds a card hangs on the index
root, which the portal can't reach.
"""

from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from panel.keys import crypto
from panel.keys.roots import index_root


def token_hash(token: str) -> bytes:
    """What is stored of a link's token (TOK-01)."""
    return crypto.mac(_of_service_key(settings.SERVICE_KEY, "token"), token.encode())


def copy_keys(token: str) -> tuple[bytes, bytes]:
    """A key pair, private and public, that hangs on a link's token: a copy is sealed to the public one by
    whoever makes it, and opens again only while the token itself is at hand (LAW-08).
    """
    private = crypto.mac(crypto.derive(settings.SERVICE_KEY, "copy"), token.encode())
    return private, crypto.public_of(private)


def audit_mac(data: bytes) -> bytes:
    """One link of the audit chain (AUD-01)."""
    return crypto.mac(_of_service_key(settings.SERVICE_KEY, "audit"), data)


@cache
def _of_service_key(root: bytes, label: str) -> bytes:
    """Derived once in a process that hashes millions of events; it lies in memory beside the key it comes from."""
    return crypto.derive(root, label)


def return_mac(row: bytes) -> bytes:
    """What proves that an envelope sender was ours; made for every letter that goes out."""
    return crypto.mac(_of_service_key(settings.SERVICE_KEY, "return"), row)


def domain_mark(domain: str) -> bytes:
    """What stands in Redis for a receiving domain while letters to it are counted."""
    return crypto.mac(_of_service_key(settings.SERVICE_KEY, "domain"), domain.encode())


def journal_mac(data: bytes) -> bytes:
    """One line of the journal outside the databases (CRY-11)."""
    return crypto.mac(crypto.derive(settings.SERVICE_KEY, "journal"), data)


@dataclass(frozen=True)
class Index:
    """The keys that hang on the index root, derived once for a whole set of rows. Shows none of them."""

    card: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    address: bytes = field(repr=False)
    row: bytes = field(repr=False)
    blob: bytes = field(repr=False)
    study: bytes = field(repr=False)

    @classmethod
    def load(cls) -> "Index":
        root = index_root()
        labels = ("card-locator", "key-locator", "address-bucket", "row-fingerprint", "blob", "study-mark")
        return cls(*(crypto.derive(root, label) for label in labels))

    def card_locator(self, code: str) -> bytes:
        """Where a member's card is found in the vault."""
        return crypto.mac(self.card, code.encode())

    def key_locator(self, card_locator: bytes) -> bytes:
        """Where the data key of a card is found in the keystore; it leads to no card, only a card leads to it."""
        return crypto.mac(self.data_key, card_locator)

    def address_bucket(self, address: str, bits: int) -> int:
        """The truncated hash of a tidied address: many share one, so it proves nobody's membership (CRY-08)."""
        return int.from_bytes(crypto.mac(self.address, address.encode())[:4], "big") >> (32 - bits)

    def row_fingerprint(self, text: str) -> bytes:
        """Knows a row of a recruitment file again without keeping it."""
        return crypto.mac(self.row, text.encode())

    def study_mark(self, key: str, use: str) -> bytes:
        """What stands for a study in vault or keystore, another one for each use: neither names it (ZON-02)."""
        return crypto.mac(self.study, f"{use}:{key}".encode())
