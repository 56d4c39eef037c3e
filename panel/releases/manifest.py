"""The manifest: what a release holds and what was done to it, with a hash of each file. Pure.

Says counts and thresholds, never which records were left out or why a cell is hidden.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import Any

FORMAT = 1
LIBRARIES = ("numpy", "pyarrow")


def sha256(data: bytes) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(data).hexdigest()


def manifest(
    *, about: Mapping[str, Any], done: Mapping[str, Any], files: Mapping[str, bytes], day: date
) -> dict[str, Any]:
    """`about` names study, wave, product; `done` says counts, thresholds and recoding."""
    return {
        "format": FORMAT,
        **about,
        "made_on": day.isoformat(),
        **done,
        "files": {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in files.items()},
        "made_with": {name: version(name) for name in LIBRARIES},
    }


def as_bytes(content: Mapping[str, Any]) -> bytes:
    """The manifest file: the same bytes for the same manifest, also after a way through the database."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
