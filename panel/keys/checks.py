"""System check: the KEK file is there where a process needs it, and nobody else can read it."""

import stat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

#: Processes that open cards. `migrate` makes the file, the portal and beat never see it.
OPENERS = {"all", "desk", "worker"}


def kek_file_is_safe(**_options: Any) -> list[CheckMessage]:
    """Nothing where all is well, or where the process has no KEK and needs none."""
    path = Path(settings.KEK_FILE) if settings.KEK_FILE else None
    if path is None or not path.is_file():
        if settings.PROCESS not in OPENERS:
            return []
        hint = "Make one with `manage.py keys init`, or restore it from its own backup."
        return [Error("There is no KEK file, so no contact card can be opened.", hint=hint, id="keys.E001")]
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return [Error("The KEK file can be read by others.", hint="Set its mode to 0600.", id="keys.E002")]
    return []
