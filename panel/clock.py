"""What time it is. Read by views, tasks and commands only; services and rules are given `now`.

In DEBUG a file can set it, so that the example study lives through years in minutes; settings refuse that
file on a real installation.
"""

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """The present moment, aware, in UTC; the moment in CLOCK_FILE (ISO 8601) where one is set and not empty."""
    if settings.DEBUG and settings.CLOCK_FILE:
        try:
            text = Path(settings.CLOCK_FILE).read_text().strip()
        except FileNotFoundError:
            text = ""
        if text:
            return datetime.fromisoformat(text)
    return timezone.now()
