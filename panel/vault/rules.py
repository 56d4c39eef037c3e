"""Contact data and the rules on addresses and buckets. Pure: no tables, no keys."""

import re
from dataclasses import dataclass, field
from math import isqrt
from unicodedata import normalize

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

#: How many cards a person may open in a day (ZON-05).
DAILY_QUOTA = 50

#: So many orphans a crash may leave; more are swept while they are a small share of all.
ORPHANS, ORPHANS_SHARE = 20, 0.05

#: Blanks and <> before an address; blanks, <> and a dot behind it. A run of them is looked at from its first sign
#: only: anybody may type a megabyte of dots.
_BEFORE, _BEHIND = re.compile(r"^[\s<>]+"), re.compile(r"(?<![\s<>.])[\s<>.]+$")
MAX_ADDRESS = 320
_check_address = EmailValidator(allowlist=[])


@dataclass(frozen=True)
class ContactData:
    """A member's card while it is open. Its repr shows the code only, for it ends in logs and tracebacks."""

    code: str
    email: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)


def tidy_address(text: str) -> str:
    """Without blanks and <> around it and a dot behind, in lower case: as it is stored and compared.

    A domain in other letters is written as mail servers know it (`xn--…`): else who asked never to be written to
    could come back under the other spelling.
    """
    bare = _BEHIND.sub("", _BEFORE.sub("", text)).lower()
    if len(bare) > MAX_ADDRESS:
        return bare  # none; and composing a megabyte of accents would take minutes
    name, at, domain = normalize("NFC", bare).rpartition("@")
    return f"{name}{at}{_as_servers_know_it(domain) if at else domain}"


def _as_servers_know_it(domain: str) -> str:
    """A domain in A-labels (UTS 46, as browsers read it); what is none stays, and is no usable address then."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return domain


def is_usable_address(text: str) -> bool:
    """Whether a tidied address can be written to. A domain that tidying couldn't write in A-labels can't."""
    try:
        _check_address(text)
    except ValidationError:
        return False
    return text.isascii()


def too_many_orphans(orphans: int, total: int) -> bool:
    """Whether so many look like members that are missing, not like what a crash left behind."""
    return orphans > ORPHANS and orphans > ORPHANS_SHARE * total


def bucket_bits(n: int) -> int:
    """How many bits of an address's hash are kept with n cards: `2 <= n / 2**bits < sqrt(n)` from 8 cards on.

    The fewest bits that do: the fuller a bucket, the less a leaked index key tells (CRY-08). Below 8 cards no
    number does, and all share one bucket.
    """
    return isqrt(n).bit_length() if n >= 8 else 0


def bits_fit(n: int, bits: int) -> bool:
    """Whether buckets of so many bits still do for n cards; a bound, not the best, so they rarely change."""
    return 2 << bits <= n < 4**bits if n >= 8 else bits == 0
