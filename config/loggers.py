"""What is logged: no address, no token, no IP (NEV-02, NEV-09); no request at all, errors by our own words."""

from typing import Any


def logging(level: str) -> dict[str, Any]:
    """Django's LOGGING: one line each to the console, masked."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "filters": {"mask": {"()": "panel.logs.Mask"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["mask"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own handler would mail whole requests to ADMINS: link, address and device of who asked.
            "django": {"handlers": []},
            "django.server": {"handlers": [], "propagate": False},
            "httpx": {"level": "WARNING"},
            "flufl.bounce": {
                "level": "CRITICAL"
            },  # tells each step at INFO, and parts of a message in its errors
            "fido2": {"level": "WARNING"},  # names each security key at INFO
            "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        },
    }
