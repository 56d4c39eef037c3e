"""`create_study`: a new study from a JSON file of its fields, as panel/demo/data/study.json has them.

`recruitment` and `disclosure` are given in it, or as files of their own. Staff come with `assign_role`.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import BadInput
from panel.members import services
from panel.members.models import Study

FIELDS = frozenset(field.name for field in Study._meta.concrete_fields) - {
    "id", "key", "minors_allowed", "ended_at",
}  # fmt: skip
DAYS = {"retention_until", "sikt_assessed_on", "ends_on"}


class Command(ServiceCommand):
    """An operator's; a study's settings are afterwards decided in the study."""

    help = "Create a study."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="JSON: slug, name, institution, public_name, contact_email …"
        )
        parser.add_argument("--recruitment", type=Path, help="JSON: how its recruitment files are read")
        parser.add_argument(
            "--disclosure", type=Path, help="JSON: thresholds and hierarchies of its releases"
        )

    def act(self, **options: Any) -> Answer:
        fields = _object(options["file"])
        for part in ("recruitment", "disclosure"):
            if options[part]:
                fields[part] = _object(options[part])
        if unknown := set(fields) - FIELDS:
            raise BadInput(_("A study has no field %(names)s.") % {"names": ", ".join(sorted(unknown))})
        study = services.create_study(by=Actor.system("operator"), now=clock.now(), **_typed(fields))
        return Answer({"study": study.slug}, [_("The study %(slug)s is there.") % {"slug": study.slug}])


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """What JSON has no type for: a day, and how_to_check, which is kept as text."""
    checks = fields.get("how_to_check")
    if isinstance(checks, dict):
        fields["how_to_check"] = json.dumps(checks, ensure_ascii=False)
    for name in DAYS & {name for name, value in fields.items() if value}:
        try:
            fields[name] = date.fromisoformat(fields[name])
        except (TypeError, ValueError) as error:
            raise BadInput(_("%(field)s must be a day, as 2032-12-31.") % {"field": name}) from error
    return fields


def _object(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(_("%(file)s can't be read as JSON.") % {"file": path.name}) from error
    if not isinstance(given, dict):
        raise BadInput(_("%(file)s must hold a JSON object.") % {"file": path.name})
    return given
