"""System checks of the KEK: its file is there where a process needs it and closed to others, its provider usable."""

import stat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from panel.errors import Unreachable
from panel.keys import kms, transit
from panel.keys.sealers import library

#: Processes that open cards. `migrate` makes the file, the portal and beat never see it.
OPENERS = {"all", "desk", "worker"}
LIBRARIES = {"transit": ("hvac", transit.REQUIREMENTS), "kms": ("boto3", kms.REQUIREMENTS)}


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


def kek_provider_is_fit(**_options: Any) -> list[CheckMessage]:
    """A KEK in the environment is for development (CRY-05); an outside provider needs its library."""
    if settings.KEK_PROVIDER == "environment" and not settings.DEBUG:
        hint = "Variables show in process lists, dumps and orchestrators. Set KEK_PROVIDER to file, transit or kms."
        return [Error("The KEK comes from the environment.", hint=hint, id="keys.E003")]
    if settings.KEK_FILE and settings.KEK_PROVIDER in LIBRARIES:
        try:
            library(*LIBRARIES[settings.KEK_PROVIDER])
        except Unreachable as missing:
            return [Error("The KEK's provider can't be used.", hint=str(missing), id="keys.E004")]
    return []
