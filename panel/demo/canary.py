"""The canary search (CRY-12): do words that only a letter may hold stand anywhere else?

Pure: takes bytes and words. A haystack is read as it is and as unescaped, percent-decoded, quoted-printable and
base64 text; addresses and names are found as substrings of the first and as whole words of the others, digits
as whole tokens. Where the haystacks come from is the caller's affair.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

#: Digits as whole tokens: not those within a hash or a UUID, of which some are a number of somebody by chance.
_DIGITS = r"(?<![0-9a-f])\+?\d{5,}(?![0-9a-f]|-[0-9a-f]{4}-)"
_WORD = re.compile(rf"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|{_DIGITS}|[^\W\d_]{{2,}}(?:[-'’][^\W\d_]+)*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
_GAP = re.compile(r"(?<=\d)[ \u00a0](?=\d)")
_GROUPED = re.compile(r"\+?\d+(?:[ \u00a0]\d+)+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPED, _PERCENT, _QUOTED = (
    re.compile(pattern)
    for pattern in (rb"\\u[0-9a-fA-F]{4}", rb"%[0-9a-fA-F]{2}", rb"=(?:[0-9A-F]{2}|\r?\n)")
)
#: How far from an escape the word may reach that it stands in.
_REACH = 100
_SHORTEST = 4


def digits(phone: str) -> set[str]:
    """The forms a phone number is written in: as given, without +, without the country's +47."""
    plain = re.sub(r"\D", "", phone)
    return {phone, plain, f"+{plain}", plain.removeprefix("47")} if plain else set()


def needles(words: Iterable[str]) -> set[str]:
    """Words long enough to be told from chance."""
    return {w for w in words if len(w) >= _SHORTEST}


def _views(data: bytes) -> Iterator[str]:
    """The texts a haystack may hide: plain, numbers without gaps, JSON-escaped, percent, quoted-printable,
    UTF-16, base64 runs. What is escaped is looked at where there is an escape, for most of a database has none.
    """
    text = data.decode("utf-8", "ignore")
    yield text
    yield " ".join(_GAP.sub("", number) for number in _GROUPED.findall(text))
    for part in _around(_ESCAPED, data):
        yield _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), part.decode("utf-8", "ignore"))
    for part in _around(_PERCENT, data):
        yield unquote_to_bytes(part).decode("utf-8", "ignore")
    for part in _around(_QUOTED, data):
        yield quopri.decodestring(part).decode("utf-8", "ignore")
    yield data.decode("utf-16-le", "ignore")
    yield " ".join(_decoded_runs(data))


def _around(pattern: re.Pattern[bytes], data: bytes) -> Iterator[bytes]:
    """The surroundings of each match; of those that touch, one piece."""
    start = end = 0
    for match in pattern.finditer(data):
        if match.start() - _REACH > end:
            yield data[start:end]
            start = match.start() - _REACH
        end = match.end() + _REACH
    yield data[start:end]


def _decoded_runs(data: bytes) -> Iterator[str]:
    """Each base64 run (plain or URL-safe), decoded at the four places it may begin."""
    for run in _BASE64.findall(data):
        run = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = run[start:]
            part = part[: len(part) - len(part) % 4] if len(part) % 4 == 1 else part + b"=" * (-len(part) % 4)
            try:
                yield base64.b64decode(part).decode("utf-8", "ignore")
            except binascii.Error:
                continue


def found(data: bytes, words: set[str]) -> set[str]:
    """Which of `words` stand in `data`, in any view. Whole tokens: a name inside a longer word is another word."""
    folded = {w.casefold(): w for w in words}
    hits: set[str] = set()
    for view in _views(data):
        tokens = {t.casefold() for t in _WORD.findall(view)}
        hits |= {folded[t] for t in tokens & folded.keys()}
    # Addresses may touch their neighbours in a binary file, where a token has no end.
    addresses = {w for w in words if "@" in w}
    lower = data.lower()
    hits |= {w for w in addresses if w.encode() in lower}
    return hits
