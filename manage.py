#!/usr/bin/env python
"""Entry point of all commands. Holds no rule; `release-check` and `release_check` are the same command."""

import os
import sys

from django.core.management import execute_from_command_line


def _module_name(argument: str) -> str:
    """Commands are Python modules, whose names can't hold a hyphen; the handbook writes them with one."""
    return argument if argument.startswith("-") else argument.replace("-", "_")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line([*sys.argv[:1], *(_module_name(a) for a in sys.argv[1:2]), *sys.argv[2:]])
