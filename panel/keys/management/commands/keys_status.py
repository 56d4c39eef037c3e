"""Shows the versions of the KEK and how many data keys each wraps; no key."""

from dataclasses import asdict
from typing import Any

from panel.commands import Answer, ServiceCommand
from panel.keys import selectors


class Command(ServiceCommand):
    help = "Show the versions of the key-encryption key and how many data keys each wraps."

    def act(self, **options: Any) -> Answer:
        versions = selectors.status()
        lines = [
            f"{'*' if v.current else ' '} version {v.version}, made {v.made_on}, wraps {v.data_keys} keys"
            for v in versions
        ]
        return Answer({"versions": [asdict(version) for version in versions]}, lines)
