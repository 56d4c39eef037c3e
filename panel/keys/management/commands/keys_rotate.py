"""Makes a new version of the KEK, re-wraps every data key, destroys the old versions (CRY-06)."""

from typing import Any

from django.core.management import CommandParser
from django.utils.timezone import localdate

from panel import clock
from panel.commands import Answer, ServiceCommand
from panel.keys import services


class Command(ServiceCommand):
    help = "Rotate the key-encryption key; copies of the keystore made before open nothing any more."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--finish", action="store_true", help="only finish a rotation that was interrupted"
        )

    def act(self, **options: Any) -> Answer:
        today = localdate(clock.now())
        done = services.finish_rotation() if options["finish"] else services.rotate(today=today)
        gone = ", ".join(map(str, done.destroyed)) or "none"
        line = f"Version {done.version} is current; {done.rewrapped} keys re-wrapped; versions destroyed: {gone}."
        data = {"version": done.version, "rewrapped": done.rewrapped, "destroyed": list(done.destroyed)}
        return Answer(data, [line])
