"""Makes the KEK file and the index root where they are absent; overwrites nothing."""

from typing import Any

from django.conf import settings
from django.utils.timezone import localdate

from panel import clock
from panel.commands import Answer, ServiceCommand
from panel.keys import services


class Command(ServiceCommand):
    help = "Make the key-encryption key (a file of mode 0600) and the index root, where they are absent."
    requires_system_checks: list[str] = []  # it mends what the checks complain of

    def act(self, **options: Any) -> Answer:
        new_file, new_root = services.initialise(today=localdate(clock.now()))
        lines = [
            f"KEK file {settings.KEK_FILE}: {'made' if new_file else 'was there, left as it is'}.",
            f"Index root: {'made' if new_root else 'was there, left as it is'}.",
        ]
        return Answer({"kek_file_made": new_file, "index_root_made": new_root}, lines)
